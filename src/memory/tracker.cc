// SPDX-License-Identifier: Apache-2.0
#include "memory/tracker.h"

#include <fmt/format.h>

#include "kernel/injection.h"
#include "memory/tracker_soft_dirty.h"
#include "memory/tracker_uffd_wp.h"

namespace ferry::memory {
namespace {

using kernel::Injected;

Attached attach_uffd_wp(pid_t pid, bool guards) {
  Attached attached;
  kernel::UserfaultfdMade made = kernel::make_userfaultfd(pid);
  if (made.outcome != Injected::kDone) {
    attached.gone = made.outcome == Injected::kGone;
    attached.try_again = made.outcome == Injected::kBusy;
    attached.why = made.why;
    return attached;
  }
  auto pagemap = kernel::Pagemap::try_open(pid);
  if (!pagemap) {
    attached.gone = true;
    return attached;
  }
  attached.stopped_ms = made.stopped_ms;
  attached.tracker = UffdWpTracker::try_make(kernel::Userfaultfd(std::move(made.fd)), std::move(*pagemap), guards);
  if (!attached.tracker) attached.why = "its kernel has no asynchronous write-protection";
  return attached;
}

}  // namespace

const char* to_string(Backend backend) {
  switch (backend) {
    case Backend::kUffdWp: return "uffd_wp";
    case Backend::kSoftDirty: return "soft_dirty";
    case Backend::kNone: return "none";
  }
  return "?";
}

Attached attach(pid_t pid, const Support& support) {
  switch (support.backend) {
    case Backend::kUffdWp: return attach_uffd_wp(pid, support.guards);
    case Backend::kSoftDirty: {
      Attached attached;
      attached.tracker = SoftDirtyTracker::try_make(pid);
      attached.gone = !attached.tracker;
      return attached;
    }
    case Backend::kNone: break;
  }
  Attached attached;
  attached.why = support.why;
  return attached;
}

std::optional<PageSet> Tracker::try_scan_shared(AddressRange, const PageSet&) { return std::nullopt; }

std::optional<PageSet> Tracker::try_scan_shared_frozen(AddressRange, const PageSet&) const { return std::nullopt; }

void FrozenScan::insert(const FrozenScan& other) {
  written.insert(other.written);
  zero.insert(other.zero);
  added.insert(other.added);
  present.insert(other.present);
  guards.insert(other.guards);
}

std::optional<FrozenScan> scan_untracked(pid_t pid, const Plane& plane, const Support& support) {
  const auto pagemap = kernel::Pagemap::try_open(pid);
  if (!pagemap || !pagemap->is_alive()) return std::nullopt;
  FrozenScan scan;
  for (const Vma& vma : plane.vmas) {
    if (support.scan) {
      static_cast<void>(scan_frozen_range(*pagemap, vma.range, support.guards, false, scan));
    } else {
      read_frozen_range(*pagemap, vma.range, scan);
    }
  }
  scan.added = plane.pages();
  return scan;
}

}  // namespace ferry::memory
