// SPDX-License-Identifier: Apache-2.0
//
// The masks matter: WRITTEN alone also names the holes of a reservation, and protecting those would build page tables
// for all of it in the task (256 GiB: 67 million pages, half a gigabyte). So a page must also be present or swapped.
// Guard markers look swapped; they are no content and stay as they are.
#include "memory/tracker_uffd_wp.h"

#include <algorithm>
#include <thread>

#include "base/parallel.h"

namespace ferry::memory {
namespace {

using kernel::PageQuery;
using kernel::PageRegion;
using kernel::ScanEnd;
using kernel::UffdEnd;
using kernel::UffdMode;

constexpr uint64_t kHasContent = kernel::kPageIsPresent | kernel::kPageIsSwapped;
// Looking at the frozen task is a part of the pause: some 3 ms per GiB by one thread.
constexpr uint64_t kWorthAThread = uint64_t{256} << 20;
constexpr uint64_t kMostThreads = 8, kMostPieces = 256;
constexpr uint64_t kAllAddresses = (uint64_t{1} << 47) - kPageBytes;  // more is given only to those who ask for it

PageQuery protecting_query(bool guards) {
  PageQuery query;
  query.all = kernel::kPageIsWritten;
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

// In the order of addresses, none of them large; of a reservation of terabytes no more than it takes.
std::vector<AddressRange> cut(const Plane& plane, uint64_t bytes) {
  const uint64_t largest = std::max(kWorthAThread, page_of(bytes / kMostPieces) * kPageBytes);
  std::vector<AddressRange> pieces;
  for (const Vma& vma : plane.vmas) {
    for (uint64_t at = vma.range.start; at < vma.range.end;) {
      const uint64_t end = std::min(vma.range.end, at + largest);
      pieces.push_back({at, end});
      at = end;
    }
  }
  return pieces;
}

// What the page tables map that those pages need: few calls, however many holes are between them.
PageSet tables_of(const PageSet& pages) {
  constexpr uint64_t kTableBytes = 512 * kPageBytes;
  PageSet tables;
  for (const AddressRange& range : pages) tables.insert({range.start / kTableBytes * kTableBytes, (range.end + kTableBytes - 1) / kTableBytes * kTableBytes});
  return tables;
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

bool UffdWpTracker::scan_range(AddressRange range, Scan& scan) const {
  std::vector<PageRegion> found;
  const ScanEnd end = pagemap_.scan(range, protecting_query(guards_),
                                    [&](const PageRegion& region) { found.push_back(region); });
  if (end != ScanEnd::kDone) return false;
  for (const PageRegion& region : found) {
    scan.written.insert({region.start, region.end});
    if (region.categories & kernel::kPageIsPfnZero) scan.zero.insert({region.start, region.end});
  }
  return true;
}

// The kernel drops the registration of what mremap moves, and of a neighbour that it merges with, but not the
// protection marks in the neighbour's page tables (6.18; before 6.13 not even the moved ones). The task then writes there
// without a fault, and the mark stays: such a page would look clean for ever, and the scan does not protect it anew either,
// since it does not look written. So marks from before are taken away; those that a half-done scan left, too.
bool UffdWpTracker::clear_old_marks(AddressRange range) const {
  PageQuery query;
  query.all = query.inverted = kernel::kPageIsWritten;
  query.any = kHasContent;
  query.must_be_registered = true;
  PageSet marked;
  const ScanEnd end = pagemap_.scan(range, query, [&](const PageRegion& region) {
    marked.insert({region.start, region.end});
  });
  return end == ScanEnd::kDone && std::ranges::all_of(marked, [&](AddressRange pages) {
    return uffd_.try_write_protect(pages, false) == UffdEnd::kDone;
  });
}

bool UffdWpTracker::scan_from_start(AddressRange range, Scan& scan) const {
  return clear_old_marks(range) && scan_range(range, scan);
}

// A part that is not in registered_ can be registered all the same: it has grown, or an attempt that failed half-way left
// it so. That the kernel protects it proves that it is registered.
bool UffdWpTracker::scan_known(AddressRange range, Scan& scan) const {
  const PageSet known = registered_.within(range);
  for (const AddressRange& part : PageSet{range}.difference(known)) {
    if (!scan_from_start(part, scan)) return false;
  }
  return std::ranges::all_of(known, [&](AddressRange part) { return scan_range(part, scan); });
}

bool UffdWpTracker::scan_known_frozen(AddressRange range, FrozenScan& scan) const {
  const PageSet known = registered_.within(range);
  FrozenScan found;
  for (const AddressRange& part : known) {
    if (scan_frozen_range(pagemap_, part, guards_, true, found) != ScanEnd::kDone) return false;
  }
  for (const AddressRange& part : PageSet{range}.difference(known)) {
    if (scan_frozen_range(pagemap_, part, guards_, false, found) != ScanEnd::kDone) return false;
  }
  scan.insert(found);
  return true;
}

std::optional<Scan> UffdWpTracker::try_scan(const Plane& plane) {
  if (!pagemap_.is_alive()) return std::nullopt;
  registered_.erase(shared_);
  shared_.erase(plane.pages());
  Scan scan;
  PageSet registered, again;
  for (const Vma& vma : plane.vmas) {
    if (registered_.intersects(vma.range) && scan_known(vma.range, scan)) {
      registered.insert(vma.range);
      continue;
    }
    const UffdEnd end = uffd_.try_register(vma.range, UffdMode::kWriteProtect);
    if (end == UffdEnd::kGone) return std::nullopt;
    // Anything else: it has changed again since the plane was read, or has a userfaultfd of its own. It is not
    // tracked, so it is new in the next round, or goes whole at the freeze.
    if (end != UffdEnd::kDone || !scan_from_start(vma.range, scan)) continue;
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
  registered_.erase(shared_);
  const PageSet all_pages = plane.pages();
  const auto pieces = cut(plane, all_pages.bytes());
  std::vector<FrozenScan> scans(pieces.size());
  static_cast<void>(registered_.ranges());  // merged before several threads look
  const uint64_t worth = all_pages.bytes() / kWorthAThread;
  base::in_parallel(pieces.size(), std::min<uint64_t>({worth, std::thread::hardware_concurrency(), kMostThreads}), [&](size_t i) {
    if (registered_.intersects(pieces[i]) && scan_known_frozen(pieces[i], scans[i])) return;
    static_cast<void>(scan_frozen_range(pagemap_, pieces[i], guards_, false, scans[i]));
    scans[i].added.insert(pieces[i]);
  });
  FrozenScan all;
  for (const auto& scan : scans) all.insert(scan);
  all.removed = registered_.difference(all_pages);
  return all;
}

// Here a page without an entry in the page table counts: what was written can lose its entry (MADV_DONTNEED, a huge page that is split, swap), what is
// protected leaves a marker behind. So WRITTEN alone, which looks at nothing else.
std::optional<PageSet> UffdWpTracker::shared_written(AddressRange mapping, const PageSet& pages, Protect protect) const {
  PageQuery query;
  query.all = query.returned = kernel::kPageIsWritten;
  query.must_be_registered = true;
  query.protect = protect == Protect::kYes;
  PageSet written;
  const PageSet tables = tables_of(pages).within(mapping);
  for (const AddressRange& range : tables) {
    const ScanEnd end = pagemap_.scan(range, query, [&](const PageRegion& region) { written.insert({region.start, region.end}); });
    if (end != ScanEnd::kDone) return std::nullopt;
  }
  if (!pagemap_.is_alive()) return std::nullopt;
  return written.intersection(pages);
}

std::optional<PageSet> UffdWpTracker::try_scan_shared(AddressRange mapping, const PageSet& pages) {
  shared_.insert(mapping);
  if (auto written = shared_written(mapping, pages, Protect::kYes)) return written;
  // What another registration has left may be on pages that were written since (clear_old_marks()).
  if (uffd_.try_register(mapping, UffdMode::kWriteProtect) != UffdEnd::kDone) return std::nullopt;
  if (uffd_.try_write_protect(mapping, false) != UffdEnd::kDone || !shared_written(mapping, pages, Protect::kYes)) return std::nullopt;
  return PageSet{mapping};
}

std::optional<PageSet> UffdWpTracker::try_scan_shared_frozen(AddressRange mapping, const PageSet& pages) const {
  return shared_written(mapping, pages, Protect::kNo);
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
