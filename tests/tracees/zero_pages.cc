// SPDX-License-Identifier: Apache-2.0
//
// Memory that was only read (the kernel's page of zeros) or written with zeros, and becomes something else now and then.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 4096;
  const Region region(kPages);
  must(::madvise(region.address(), region.bytes(), MADV_NOHUGEPAGE));
  for (size_t i = 0; i < kPages; ++i) {
    if (i % 2 == 0) region.check(i);
    if (i % 4 == 1) std::memset(&region.page(i), 0, kPage);
  }
  Meanwhile writer([&](Random& random) {
    const size_t index = random() % kPages;
    if (random() % 2 == 0) return region.rewrite(index);
    std::memset(&region.page(index), 0, kPage);
    region.now_zero(index);
  });
  ready_and_wait();
  writer.stop();
  region.check();
  return pass();
}
