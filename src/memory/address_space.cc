// SPDX-License-Identifier: Apache-2.0
#include "memory/address_space.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "kernel/procfs.h"
#include "memory/store.h"
#include "memory/vma.h"

namespace ferry::memory {
namespace {

using kernel::UffdEnd;
using kernel::UffdMoved;

constexpr uint64_t kLowest = 65536;  // vm.mmap_min_addr

// What stops a call on a range, for the whole of it; nothing: it concerns the page at which the
// call stopped.
std::optional<AddressSpace::Put> obstacle(UffdEnd end) {
  switch (end) {
    case UffdEnd::kChanging:
      return AddressSpace::Put::kChanging;
    case UffdEnd::kNoMemory:
      return AddressSpace::Put::kNoMemory;
    case UffdEnd::kGone:
      return AddressSpace::Put::kGone;
    default:
      return std::nullopt;
  }
}

// Calls `try_put` until it has come through the range. A call must lie within one VMA: where it
// does not, or where nothing is registered, it is halved down to the page, which `refused` is told
// of.
template <typename TryPut, typename Refused>
AddressSpace::Put put_piecewise(AddressRange range, const TryPut& try_put, const Refused& refused) {
  uint64_t step = range.bytes();
  for (uint64_t at = range.start; at < range.end;) {
    const uint64_t end = std::min(at + step, range.end);
    const UffdMoved moved = try_put(AddressRange{at, end});
    if (moved.bytes > 0) {  // then `end` is not the reason why it stopped: the kernel says EAGAIN
      at += moved.bytes;
      step = std::min(2 * step, range.bytes());
      continue;
    }
    if (const auto stop = obstacle(moved.end)) return *stop;
    if (moved.end == UffdEnd::kPresent) {
      at += kPageBytes;
    } else if (end - at > kPageBytes) {
      step = std::max((end - at) / 2 / kPageBytes, uint64_t{1}) * kPageBytes;
    } else {
      refused(at);
      at += kPageBytes;
      step = 2 * kPageBytes;
    }
  }
  return AddressSpace::Put::kDone;
}

}  // namespace

AddressSpace::Put AddressSpace::put(uint64_t address, std::span<const std::byte> pages,
                                    uint64_t& homeless) const {
  return put_piecewise(
      {address, address + pages.size()},
      [&](AddressRange range) {
        return uffd_.try_copy(range, pages.data() + (range.start - address));
      },
      [&](uint64_t) { homeless += kPageBytes; });
}

AddressSpace::Put AddressSpace::put_zeros(AddressRange range) const {
  return put_piecewise(
      range, [&](AddressRange part) { return uffd_.try_zero(part); }, [](uint64_t) {});
}

std::vector<AddressRange> AddressSpace::find_guards(AddressRange range, uint64_t most) {
  std::vector<AddressRange> guards;
  if (!asks_for_guards_) return guards;
  if (!pagemap_ && host_pid > 0) pagemap_ = kernel::Pagemap::try_open(host_pid);
  kernel::PageQuery query;
  query.all = query.returned = kernel::kPageIsGuard;
  query.max_pages = most;
  const auto add = [&](const kernel::PageRegion& found) { guards.push_back({found.start, found.end}); };
  // Linux before 6.16 cannot be asked.
  asks_for_guards_ = pagemap_ && pagemap_->scan(range, query, add) == kernel::ScanEnd::kDone;
  return guards;
}

std::vector<AddressRange> AddressSpace::guards_in(AddressRange range) {
  auto guards = find_guards(range, 0);
  if (!guards.empty()) uses_guards_ = true;
  return guards;
}

bool AddressSpace::uses_guards() {
  constexpr uint64_t kEnd = kSpaceEnd / 2 - kPageBytes;  // more has only who asks for it (5-level tables)
  if (!uses_guards_) uses_guards_ = !find_guards({0, kEnd}, 1).empty();
  return *uses_guards_;
}

void AddressSpace::wake(AddressRange range) const { (void)uffd_.try_wake(range); }

void AddressSpace::wake_all() const {
  // A range must lie within what the task can address: x86-64 and arm64 of 48 bits and more,
  // x86-64, 32 bits.
  for (const uint64_t end : {kSpaceEnd, kSpaceEnd / 2 - kPageBytes, uint64_t{0xffffe000}}) {
    if (uffd_.try_wake({kLowest, end}) == UffdEnd::kDone) return;
  }
  throw base::Error(
      {"cannot wake the workload's threads", "no range of its memory is accepted", "", {}, {}});
}

// Nothing is registered for write protection, so taking it away does nothing but look at the
// address space.
UffdEnd AddressSpace::probe() const {
  constexpr AddressRange kAnyPage{kLowest, kLowest + kPageBytes};
  return uffd_.try_write_protect(kAnyPage, false);
}

bool AddressSpace::is_alive() const { return probe() != UffdEnd::kGone; }

bool AddressSpace::is_changing() const { return probe() == UffdEnd::kChanging; }

void AddressSpace::unregister(pid_t task) const {
  // A thread that leads its process may have ended before the others; its maps are empty then.
  const std::vector<pid_t> threads = kernel::threads_of(task);
  for (const pid_t thread : threads) {
    const auto vmas = try_read_maps(thread);
    if (!vmas || vmas->empty()) continue;
    for (const Vma& vma : *vmas) {
      // Of a VMA that is not registered this is nothing, of one that could not be it is EINVAL.
      if (uffd_.try_unregister(vma.range) == UffdEnd::kGone) return;
    }
    return;
  }
}

}  // namespace ferry::memory
