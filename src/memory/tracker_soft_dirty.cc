// SPDX-License-Identifier: Apache-2.0
#include "memory/tracker_soft_dirty.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "kernel/uapi.h"

namespace ferry::memory {
namespace {

constexpr size_t kEntriesPerRead = 65536;  // 512 KiB of entries for 256 MiB of memory

// Read before they are written, pages are the kernel's one page of zeros. Some kernels give each a page of its own: 0.
uint64_t find_zero_frame() {
  constexpr size_t kLooked = 2;
  void* const memory = ::mmap(nullptr, kLooked * kPageBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw base::SysError("mmap", errno, "");
  const auto* const bytes = static_cast<volatile char*>(memory);
  for (size_t page = 0; page < kLooked; ++page) static_cast<void>(bytes[page * kPageBytes]);
  std::array<uint64_t, kLooked> entries{};
  const auto pagemap = kernel::Pagemap::try_open(::getpid());
  if (pagemap) static_cast<void>(pagemap->read_entries(reinterpret_cast<uint64_t>(memory), entries));
  ::munmap(memory, kLooked * kPageBytes);
  const bool same = entries[0] == entries[1] && (entries[0] & kernel::kEntryPresent);
  return same ? entries[0] & kernel::kEntryFrame : 0;
}
// Where it lies is settled at boot.
uint64_t zero_frame() {
  static const uint64_t frame = find_zero_frame();
  return frame;
}

void read_range(const kernel::Pagemap& pagemap, AddressRange range, bool dirty_only, EntryScan& into) {
  const EntryMeaning meaning{dirty_only, zero_frame()};
  std::vector<uint64_t> entries(std::min<size_t>(kEntriesPerRead, page_of(range.bytes())));
  for (uint64_t at = range.start; at < range.end;) {
    const size_t wanted = std::min<size_t>(entries.size(), page_of(range.end - at));
    const size_t got = pagemap.read_entries(at, std::span(entries).first(wanted));
    if (got == 0) return;  // the task is gone
    judge_entries(at, std::span(entries).first(got), meaning, into);
    at += got * kPageBytes;
  }
}

// What was unwritten then, and still is, is no news.
FrozenScan told(EntryScan found, const PageSet& unwritten_before) {
  const PageSet news = found.unwritten.difference(unwritten_before);
  found.written.insert(news);
  found.zero = found.zero.intersection(news);
  return std::move(static_cast<FrozenScan&>(found));
}

}  // namespace

void judge_entries(uint64_t address, std::span<const uint64_t> entries, const EntryMeaning& meaning, EntryScan& into) {
  for (const uint64_t entry : entries) {
    const AddressRange page{address, address + kPageBytes};
    address = page.end;
    if (entry & kernel::kEntryGuard) {
      into.guards.insert(page);
      continue;
    }
    const bool present = entry & kernel::kEntryPresent;
    if (!present && !(entry & kernel::kEntrySwapped)) continue;
    into.present.insert(page);
    const bool zero = present && meaning.zero_frame != 0 && (entry & kernel::kEntryFrame) == meaning.zero_frame;
    if (zero) into.zero.insert(page);
    if (zero || (present && (entry & kernel::kEntryFile))) {
      into.unwritten.insert(page);
    } else if (!meaning.dirty_only || (entry & kernel::kEntrySoftDirty)) {
      into.written.insert(page);
    }
  }
}

void read_frozen_range(const kernel::Pagemap& pagemap, AddressRange range, FrozenScan& into) {
  EntryScan all;
  read_range(pagemap, range, false, all);
  const FrozenScan found = told(std::move(all), {});
  into.written.insert(found.written);
  into.zero.insert(found.zero);
  into.present.insert(found.present);
  into.guards.insert(found.guards);
}

std::unique_ptr<SoftDirtyTracker> SoftDirtyTracker::try_make(pid_t pid) {
  if (!kernel::Pagemap::try_open(pid)) return nullptr;
  return std::unique_ptr<SoftDirtyTracker>(new SoftDirtyTracker(pid));
}

std::optional<EntryScan> SoftDirtyTracker::look(const Plane& plane) const {
  const auto pagemap = kernel::Pagemap::try_open(pid_);
  if (!pagemap || !pagemap->is_alive()) return std::nullopt;
  EntryScan scan;
  const PageSet now = plane.pages();
  for (const AddressRange& range : now) read_range(*pagemap, range, cleared_, scan);
  scan.added = now.difference(tracked_);
  scan.removed = tracked_.difference(now);
  return scan;
}

std::optional<FrozenScan> SoftDirtyTracker::try_scan_frozen(const Plane& plane) {
  auto found = look(plane);
  if (!found) return std::nullopt;
  return told(std::move(*found), unwritten_);
}

std::optional<Scan> SoftDirtyTracker::try_scan(const Plane& plane) {
  auto found = look(plane);
  if (!found) return std::nullopt;
  const auto clear = base::try_open_file(fmt::format("/proc/{}/clear_refs", pid_), O_WRONLY);
  if (!clear) return std::nullopt;
  base::write_full(clear->get(), std::string_view("4"));
  const PageSet before = std::exchange(unwritten_, found->unwritten);
  cleared_ = true;
  tracked_ = plane.pages();
  return told(std::move(*found), before);
}

}  // namespace ferry::memory
