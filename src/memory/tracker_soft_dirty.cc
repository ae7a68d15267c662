// SPDX-License-Identifier: Apache-2.0
#include "memory/tracker_soft_dirty.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/uapi.h"

namespace ferry::memory {
namespace {

constexpr size_t kEntriesPerRead = 65536;  // 512 KiB of entries for 256 MiB of memory

}  // namespace

void judge_entries(uint64_t address, std::span<const uint64_t> entries, bool dirty_only, FrozenScan& into) {
  for (const uint64_t entry : entries) {
    const AddressRange page{address, address + kPageBytes};
    address = page.end;
    if (entry & kernel::kEntryGuard) {
      into.guards.insert(page);
    } else if (entry & (kernel::kEntryPresent | kernel::kEntrySwapped)) {
      into.present.insert(page);
      if (!dirty_only || (entry & kernel::kEntrySoftDirty)) into.written.insert(page);
    }
  }
}

void read_frozen_range(const kernel::Pagemap& pagemap, AddressRange range, bool dirty_only, FrozenScan& into) {
  std::vector<uint64_t> entries(std::min<size_t>(kEntriesPerRead, page_of(range.bytes())));
  for (uint64_t at = range.start; at < range.end;) {
    const size_t wanted = std::min<size_t>(entries.size(), page_of(range.end - at));
    const size_t got = pagemap.read_entries(at, std::span(entries).first(wanted));
    if (got == 0) return;  // the task is gone
    judge_entries(at, std::span(entries).first(got), dirty_only, into);
    at += got * kPageBytes;
  }
}

std::unique_ptr<SoftDirtyTracker> SoftDirtyTracker::try_make(pid_t pid) {
  if (!kernel::Pagemap::try_open(pid)) return nullptr;
  return std::unique_ptr<SoftDirtyTracker>(new SoftDirtyTracker(pid));
}

std::optional<FrozenScan> SoftDirtyTracker::try_scan_frozen(const Plane& plane) {
  const auto pagemap = kernel::Pagemap::try_open(pid_);
  if (!pagemap || !pagemap->is_alive()) return std::nullopt;
  FrozenScan scan;
  const PageSet now = plane.pages();
  for (const AddressRange& range : now) read_frozen_range(*pagemap, range, cleared_, scan);
  scan.added = now.difference(tracked_);
  scan.removed = tracked_.difference(now);
  return scan;
}

std::optional<Scan> SoftDirtyTracker::try_scan(const Plane& plane) {
  auto scan = try_scan_frozen(plane);
  if (!scan) return std::nullopt;
  const auto clear = base::try_open_file(fmt::format("/proc/{}/clear_refs", pid_), O_WRONLY);
  if (!clear) return std::nullopt;
  base::write_full(clear->get(), std::string_view("4"));
  cleared_ = true;
  tracked_ = plane.pages();
  return static_cast<Scan&>(*scan);
}

}  // namespace ferry::memory
