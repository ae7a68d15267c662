// SPDX-License-Identifier: Apache-2.0
//
// What CRIU is told about the memory of a task: the kernel's word, but for the hidden ranges. In
// those it finds no pages, only the guard regions that ferry knows of, and the kernel is not asked,
// because its answer takes 15 ms per GiB that is mapped.
//
// CRIU 4 asks by PAGEMAP_SCAN in two ways (criu/pagemap-cache.c: pmc_fill; criu/mem.c:
// collect_madv_guards), which are told apart by their masks; CRIU 3, and CRIU 4 on kernels
// before 6.7, reads /proc/PID/pagemap, eight bytes per page.
#pragma once

#include <cstddef>
#include <cstdint>

#include "criu/hidden_memory_format.h"

namespace ferry::criu {

// include/uapi/linux/fs.h of Linux 6.7: struct page_region, struct pm_scan_arg, PAGE_IS_….
struct PagemapRegion {
  uint64_t start, end, categories;
};
struct PagemapScan {
  uint64_t size, flags, start, end, walk_end, regions, regions_size, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
inline constexpr unsigned long kPagemapScan =
    0xc0606610;  // PAGEMAP_SCAN, _IOWR('f', 16, struct pm_scan_arg)
inline constexpr uint64_t kPageIsFile = 1 << 2, kPageIsPresent = 1 << 3, kPageIsSwapped = 1 << 4,
                          kPageIsZero = 1 << 5;
inline constexpr uint64_t kPageIsGuard = 1 << 8;  // Linux 6.15
static_assert(sizeof(PagemapScan) == 96 && sizeof(PagemapRegion) == 24);

// "What has to be dumped?"
inline bool asks_for_memory(const PagemapScan& scan) {
  constexpr uint64_t kNot = kPageIsZero | kPageIsFile, kEither = kPageIsPresent | kPageIsSwapped;
  return scan.flags == 0 && scan.category_inverted == kNot && scan.category_mask == kNot &&
         scan.category_anyof_mask == kEither;
}

// "Where are guard regions?"
inline bool asks_for_guards(const PagemapScan& scan) {
  return scan.flags == 0 && scan.category_inverted == 0 && scan.category_mask == kPageIsGuard &&
         scan.category_anyof_mask == 0;
}

// A sorted list of ranges.
struct RangeList {
  const hidden::Range* ranges = nullptr;
  size_t count = 0;

  // The first that ends above the address; `count` when there is none.
  size_t first_above(uint64_t address) const {
    size_t low = 0, high = count;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (ranges[middle].end > address) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
};

// Answers `scan` like the ioctl, walk_end set and the number of regions as the result. In `hidden`
// there is nothing but `guards`. `kernel` makes a scan: regions, or a negative result, which ends
// it.
template <class Kernel>
long scan_but_hidden(PagemapScan& scan, RangeList hidden, RangeList guards, Kernel kernel) {
  auto* regions = reinterpret_cast<PagemapRegion*>(scan.regions);
  size_t filled = 0;
  uint64_t at = scan.start;
  size_t next = hidden.first_above(at), guard = guards.first_above(at);
  const auto lower = [](uint64_t a, uint64_t b) { return a < b ? a : b; };
  while (at < scan.end && filled < scan.regions_size) {
    const bool is_hidden = next < hidden.count && hidden.ranges[next].start <= at;
    if (!is_hidden) {
      const uint64_t end =
          next < hidden.count ? lower(hidden.ranges[next].start, scan.end) : scan.end;
      PagemapScan part = scan;
      part.start = at;
      part.end = end;
      part.walk_end = 0;
      part.regions += filled * sizeof(PagemapRegion);
      part.regions_size -= filled;
      const long got = kernel(part);
      if (got < 0) return got;
      filled += static_cast<size_t>(got);
      at = part.walk_end;
      if (at < end) break;  // no room for more
      continue;
    }
    const uint64_t end = lower(hidden.ranges[next].end, scan.end);
    while (guard < guards.count && guards.ranges[guard].end <= at) ++guard;
    if (guard < guards.count && guards.ranges[guard].start < end) {
      const hidden::Range found = guards.ranges[guard];
      const uint64_t from = found.start > at ? found.start : at;
      regions[filled++] = {from, lower(found.end, end), kPageIsGuard};
      at = lower(found.end, end);
    } else {
      at = end;
    }
    if (at == hidden.ranges[next].end) ++next;
  }
  scan.walk_end = at;
  return static_cast<long>(filled);
}

// `entries` of /proc/PID/pagemap from the page at `address` on, as the kernel has given them: there
// is nothing in the hidden ones.
inline void clear_hidden(uint64_t* entries, size_t count, uint64_t address, uint64_t page_size,
                         RangeList hidden) {
  const uint64_t end = address + count * page_size;
  for (size_t i = hidden.first_above(address); i < hidden.count && hidden.ranges[i].start < end;
       ++i) {
    const uint64_t from = hidden.ranges[i].start > address ? hidden.ranges[i].start : address;
    const uint64_t to = hidden.ranges[i].end < end ? hidden.ranges[i].end : end;
    for (uint64_t page = from; page < to; page += page_size)
      entries[(page - address) / page_size] = 0;
  }
}

}  // namespace ferry::criu
