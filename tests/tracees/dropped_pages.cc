// SPDX-License-Identifier: Apache-2.0
//
// Pages dropped by MADV_DONTNEED all the time read as zero, until they are written again.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 4096, kMostAtOnce = 64;
  const Region region(kPages);
  region.write_all();
  Meanwhile changes([&](Random& random) {
    const size_t first = random() % (kPages - kMostAtOnce), count = 1 + random() % kMostAtOnce;
    if (random() % 2 == 0) {
      must(::madvise(&region.page(first), count * kPage, MADV_DONTNEED));
      for (size_t i = first; i < first + count; ++i) region.now_zero(i);
    } else {
      for (size_t i = first; i < first + count; ++i) region.rewrite(i);
    }
  });
  changes.wait_for_steps(50);
  ready_and_wait();
  changes.stop();
  region.check();
  return pass();
}
