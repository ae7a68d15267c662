// SPDX-License-Identifier: Apache-2.0
#include "memory/criu_pages.h"

#include "kernel/pagemap_scan.h"

namespace ferry::memory {

PageSet pages_for_criu(pid_t pid, const Plane& plane) {
  const auto pagemap = kernel::Pagemap::try_open(pid);
  const auto maps = try_read_maps(pid);
  if (!pagemap || !maps) return {};
  kernel::PageQuery query;
  query.all = kernel::kPageIsPresent | kernel::kPageIsFile | kernel::kPageIsPfnZero;
  query.inverted = kernel::kPageIsFile | kernel::kPageIsPfnZero;
  PageSet pages;
  for (const Vma& vma : *maps) {
    if (vma.permissions[3] != 'p' || vma.permissions[0] != 'r') continue;
    const auto end = pagemap->scan(vma.range, query, [&](const kernel::PageRegion& region) { pages.insert({region.start, region.end}); });
    if (end != kernel::ScanEnd::kDone) return {};
  }
  return pages.difference(plane.pages());
}

}  // namespace ferry::memory
