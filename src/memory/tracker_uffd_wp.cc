// SPDX-License-Identifier: Apache-2.0
//
// The masks matter: WRITTEN alone also names the holes of a reservation, and protecting those would build page tables
// for all of it in the task (256 GiB: 67 million pages, half a gigabyte). So a page must also be present or swapped.
// Guard markers look swapped; they are no content and stay as they are.
#include "memory/tracker_uffd_wp.h"

namespace ferry::memory {
namespace {

using kernel::PageQuery;
using kernel::PageRegion;
using kernel::ScanEnd;
using kernel::UffdEnd;
using kernel::UffdMode;

constexpr uint64_t kHasContent = kernel::kPageIsPresent | kernel::kPageIsSwapped;
constexpr uint64_t kAllAddresses = (uint64_t{1} << 47) - kPageBytes;  // more is given only to those who ask for it

// `everything`: all that has content counts, also what carries an old mark of protection: before Linux 6.13 mremap took
// such marks along to where nobody had registered the memory, and pages there would look clean.
PageQuery protecting_query(bool guards, bool everything) {
  PageQuery query;
  query.all = everything ? 0 : kernel::kPageIsWritten;
  query.any = kHasContent;
  query.returned = kernel::kPageIsPfnZero;
  query.protect = true;
  query.must_be_registered = true;
  if (guards) {
    query.all |= kernel::kPageIsGuard;
    query.inverted = kernel::kPageIsGuard;
  }
  return query;
}

}  // namespace

ScanEnd scan_frozen_range(const kernel::Pagemap& pagemap, AddressRange range, bool guards, bool written_only,
                          FrozenScan& into) {
  PageQuery query;
  query.any = kHasContent;
  query.returned = kernel::kPageIsWritten | kernel::kPageIsPfnZero | (guards ? kernel::kPageIsGuard : 0);
  query.must_be_registered = written_only;
  return pagemap.scan(range, query, [&](const PageRegion& region) {
    const AddressRange pages{region.start, region.end};
    if (region.categories & kernel::kPageIsGuard) return into.guards.insert(pages);
    into.present.insert(pages);
    if (written_only && !(region.categories & kernel::kPageIsWritten)) return;
    into.written.insert(pages);
    if (region.categories & kernel::kPageIsPfnZero) into.zero.insert(pages);
  });
}

std::unique_ptr<UffdWpTracker> UffdWpTracker::try_make(kernel::Userfaultfd uffd, kernel::Pagemap pagemap,
                                                       bool guards) {
  constexpr uint64_t kFeatures = kernel::kUffdWriteProtectAsync | kernel::kUffdWriteProtectUnpopulated;
  if (!uffd.try_handshake(kFeatures)) return nullptr;
  return std::unique_ptr<UffdWpTracker>(new UffdWpTracker(std::move(uffd), std::move(pagemap), guards));
}

bool UffdWpTracker::scan_range(AddressRange range, bool everything, Scan& scan) const {
  std::vector<PageRegion> found;
  const ScanEnd end = pagemap_.scan(range, protecting_query(guards_, everything),
                                    [&](const PageRegion& region) { found.push_back(region); });
  if (end != ScanEnd::kDone) return false;
  for (const PageRegion& region : found) {
    scan.written.insert({region.start, region.end});
    if (region.categories & kernel::kPageIsPfnZero) scan.zero.insert({region.start, region.end});
  }
  return true;
}

std::optional<Scan> UffdWpTracker::try_scan(const Plane& plane) {
  if (!pagemap_.is_alive()) return std::nullopt;
  Scan scan;
  PageSet registered, again;
  for (const Vma& vma : plane.vmas) {
    // That the kernel protected all of it proves that all of it is registered, what has grown since too.
    if (registered_.intersects(vma.range) && scan_range(vma.range, false, scan)) {
      registered.insert(vma.range);
      continue;
    }
    const UffdEnd end = uffd_.try_register(vma.range, UffdMode::kWriteProtect);
    if (end == UffdEnd::kGone) return std::nullopt;
    // Anything else: it has changed again since the plane was read, or has a userfaultfd of its own. It is not
    // tracked, so it is new in the next round, or goes whole at the freeze.
    if (end != UffdEnd::kDone || !scan_range(vma.range, true, scan)) continue;
    registered.insert(vma.range);
    again.insert(vma.range);
  }
  scan.added = registered.difference(registered_);
  scan.added.insert(again);
  scan.removed = registered_.difference(plane.pages());
  registered_ = std::move(registered);
  return scan;
}

std::optional<FrozenScan> UffdWpTracker::try_scan_frozen(const Plane& plane) {
  if (!pagemap_.is_alive()) return std::nullopt;
  FrozenScan scan;
  for (const Vma& vma : plane.vmas) {
    if (registered_.intersects(vma.range)) {
      FrozenScan part;
      if (scan_frozen_range(pagemap_, vma.range, guards_, true, part) == ScanEnd::kDone) {
        scan.written.insert(part.written);
        scan.zero.insert(part.zero);
        scan.present.insert(part.present);
        scan.guards.insert(part.guards);
        continue;
      }
    }
    static_cast<void>(scan_frozen_range(pagemap_, vma.range, guards_, false, scan));
    scan.added.insert(vma.range);
  }
  scan.removed = registered_.difference(plane.pages());
  return scan;
}

bool UffdWpTracker::tracks(pid_t pid) const {
  if (!pagemap_.is_alive()) return false;
  const auto now = kernel::Pagemap::try_open(pid);
  if (!now) return false;
  // Whatever address space the process has now: one that nobody registered has no protectable memory.
  PageQuery query;
  query.all = kernel::kPageIsProtectable;
  query.returned = kernel::kPageIsProtectable;
  query.max_pages = 1;
  bool any = false;
  const ScanEnd end = now->scan({0, kAllAddresses}, query, [&](const PageRegion&) { any = true; });
  return end == ScanEnd::kDone && any;
}

}  // namespace ferry::memory
