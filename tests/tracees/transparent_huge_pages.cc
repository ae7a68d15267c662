// SPDX-License-Identifier: Apache-2.0
//
// Transparent huge pages of which single pages are written, dropped and made inaccessible all the time.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kHuge = 512, kPages = 16 * kHuge;
  Page* const mapped = map_pages(kPages + kHuge);
  constexpr uintptr_t kHugeBytes = kHuge * kPage;
  const auto aligned = (reinterpret_cast<uintptr_t>(mapped) + kHugeBytes - 1) / kHugeBytes * kHugeBytes;
  const Region region(reinterpret_cast<Page*>(aligned), kPages);
  if (::madvise(region.address(), region.bytes(), MADV_HUGEPAGE) == -1) skip("this kernel has no transparent huge pages");
  region.write_all();
  Meanwhile changes([&](Random& random) {
    const size_t index = random() % kPages;
    switch (random() % 8) {
      case 0:
        must(::madvise(&region.page(index), kPage, MADV_DONTNEED));
        return region.now_zero(index);
      case 1: {
        const size_t first = index / kHuge * kHuge;  // whole: a new huge page at the next write
        must(::madvise(&region.page(first), kHugeBytes, MADV_DONTNEED));
        for (size_t i = first; i < first + kHuge; ++i) region.now_zero(i);
        return region.rewrite(index);
      }
      default:
        for (size_t i = index; i < std::min(index + 8, kPages); ++i) region.rewrite(i);
    }
  }, 1, kMillisecond_ns);
  changes.wait_for_steps(50);
  ready_and_wait();
  changes.stop();
  region.check();
  return pass();
}
