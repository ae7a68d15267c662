// SPDX-License-Identifier: Apache-2.0
//
// Memory that mremap(2) makes longer and shorter all the time: what remains keeps its content, what is added is zero.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kMost = 2048, kLeast = 64;
  Region region(kMost);  // mapped whole, so that it can grow in place again
  size_t length = kMost;
  Meanwhile changes([&](Random& random) {
    const size_t wanted = kLeast + random() % (kMost - kLeast);
    void* const moved = ::mremap(region.address(), length * kPage, wanted * kPage, MREMAP_MAYMOVE);
    require(moved != MAP_FAILED, "mremap");
    region.moved_to(moved);
    for (size_t i = wanted; i < length; ++i) region.now_zero(i);
    const size_t before = length;
    length = wanted;
    for (size_t i = before; i < wanted; ++i) region.check(i);
    for (int i = 0; i < 32; ++i) region.rewrite(random() % length);
  });
  changes.wait_for_steps(50);
  ready_and_wait();
  changes.stop();
  for (size_t i = 0; i < length; ++i) region.check(i);
  return pass();
}
