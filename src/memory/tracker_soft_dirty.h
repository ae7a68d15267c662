// SPDX-License-Identifier: Apache-2.0
//
// Tracking by soft-dirty bits (/proc/PID/clear_refs and pagemap; CONFIG_MEM_SOFT_DIRTY, Linux 3.11). Looking and clearing
// are two steps here, and what is written between them would be lost: scan only while the task stands still
// (WorkloadTracker does). CRIU's own tracking uses the same bits; not both at once.
// The bits miss one thing: memory that was dropped (MADV_DONTNEED) and then read has the kernel's page of zeros, which is
// not dirty. Such pages are found by their frame (or are huge), and told when they were none at the scan before.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>

#include "kernel/pagemap_scan.h"
#include "memory/tracker.h"

namespace ferry::memory {

struct EntryScan : FrozenScan {
  // Not anonymous, so the task has not written them since they came to be there: the kernel's pages of zeros, huge ones
  // too. Part of `present`, and of `written` only where that is news.
  PageSet unwritten;
};

class SoftDirtyTracker : public Tracker {
 public:
  static std::unique_ptr<SoftDirtyTracker> try_make(pid_t pid);  // empty: it has gone

  std::optional<Scan> try_scan(const Plane& plane) override;
  std::optional<FrozenScan> try_scan_frozen(const Plane& plane) override;
  // Always: bits and clearing are looked up by pid, and after an exec all memory counts as written.
  bool tracks(pid_t pid) const override { return pid == pid_; }

 private:
  explicit SoftDirtyTracker(pid_t pid) : pid_(pid) {}
  std::optional<EntryScan> look(const Plane& plane) const;

  pid_t pid_;
  bool cleared_ = false;  // before the first clearing the bits mean nothing
  PageSet tracked_, unwritten_;  // at the last try_scan()
};

// What entries of /proc/PID/pagemap say of the plane's pages from `address` on.
struct EntryMeaning {
  bool dirty_only = false;  // written means soft-dirty, else everything present is
  uint64_t zero_frame = 0;  // of the kernel's page of zeros; 0: not known
};
void judge_entries(uint64_t address, std::span<const uint64_t> entries, const EntryMeaning& meaning, EntryScan& into);
// All of a range that nobody tracked, where the kernel has no PAGEMAP_SCAN.
void read_frozen_range(const kernel::Pagemap& pagemap, AddressRange range, FrozenScan& into);

}  // namespace ferry::memory
