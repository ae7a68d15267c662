// SPDX-License-Identifier: Apache-2.0
//
// Tracking by soft-dirty bits (/proc/PID/clear_refs and pagemap; CONFIG_MEM_SOFT_DIRTY, Linux 3.11). Looking and clearing
// are two steps here, and what is written between them would be lost: scan only while the task stands still
// (WorkloadTracker::needs_frozen_scan() says so). CRIU's own tracking uses the same bits; not both at once.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>

#include "kernel/pagemap_scan.h"
#include "memory/tracker.h"

namespace ferry::memory {

class SoftDirtyTracker : public Tracker {
 public:
  static std::unique_ptr<SoftDirtyTracker> try_make(pid_t pid);  // empty: it has gone

  std::optional<Scan> try_scan(const Plane& plane) override;
  std::optional<FrozenScan> try_scan_frozen(const Plane& plane) override;
  // Always: bits and clearing are looked up by pid, and after an exec all memory counts as written.
  bool tracks(pid_t pid) const override { return pid == pid_; }

 private:
  explicit SoftDirtyTracker(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  bool cleared_ = false;  // before the first clearing the bits mean nothing
  PageSet tracked_;
};

// What entries of /proc/PID/pagemap say of the pages from `address` on; `dirty_only`: written means soft-dirty, else
// everything present is. Zero pages cannot be told here.
void judge_entries(uint64_t address, std::span<const uint64_t> entries, bool dirty_only, FrozenScan& into);
// The same of a whole range, where the kernel has no PAGEMAP_SCAN.
void read_frozen_range(const kernel::Pagemap& pagemap, AddressRange range, bool dirty_only, FrozenScan& into);

}  // namespace ferry::memory
