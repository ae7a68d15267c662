// SPDX-License-Identifier: Apache-2.0
//
// Tracking by userfaultfd write-protection in its asynchronous mode (Linux 6.7): the kernel itself lifts the
// protection of a page at the first write, without any fault that somebody would have to answer, and PAGEMAP_SCAN
// tells and protects in one step. A write costs the task one minor fault per page and round.
#pragma once

#include <memory>

#include "kernel/pagemap_scan.h"
#include "kernel/userfaultfd.h"
#include "memory/tracker.h"

namespace ferry::memory {

class UffdWpTracker : public Tracker {
 public:
  // `uffd` is of the address space that `pagemap` is of, without the handshake. Empty: this kernel cannot.
  static std::unique_ptr<UffdWpTracker> try_make(kernel::Userfaultfd uffd, kernel::Pagemap pagemap, bool guards);

  std::optional<Scan> try_scan(const Plane& plane) override;
  std::optional<FrozenScan> try_scan_frozen(const Plane& plane) override;
  std::optional<PageSet> try_scan_shared(AddressRange mapping, const PageSet& pages) override;
  std::optional<PageSet> try_scan_shared_frozen(AddressRange mapping, const PageSet& pages) const override;
  bool tracks(pid_t pid) const override;

 private:
  UffdWpTracker(kernel::Userfaultfd uffd, kernel::Pagemap pagemap, bool guards)
      : uffd_(std::move(uffd)), pagemap_(std::move(pagemap)), guards_(guards) {}
  // These say false where a part of the range is not registered.
  bool scan_range(AddressRange range, Scan& scan) const;        // then nothing was added to `scan`
  bool scan_from_start(AddressRange range, Scan& scan) const;   // registered, but of unknown past
  bool scan_known(AddressRange range, Scan& scan) const;
  bool scan_known_frozen(AddressRange range, FrozenScan& scan) const;
  bool clear_old_marks(AddressRange range) const;
  enum class Protect { kNo, kYes };
  std::optional<PageSet> shared_written(AddressRange mapping, const PageSet& pages, Protect protect) const;

  kernel::Userfaultfd uffd_;  // closing it takes all protection away
  kernel::Pagemap pagemap_;
  bool guards_;
  PageSet registered_;  // of the plane
  PageSet shared_;      // where scans of shared memory were: what is of the plane there now may have been protected by one of them
};

// One walk that tells everything of memory that stands still: present pages, guard regions, zero pages, and what was
// written; all that is present counts as that, unless `written_only` (then all of the range must be registered).
kernel::ScanEnd scan_frozen_range(const kernel::Pagemap& pagemap, AddressRange range, bool guards, bool written_only,
                                  FrozenScan& into);

}  // namespace ferry::memory
