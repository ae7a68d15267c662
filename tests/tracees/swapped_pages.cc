// SPDX-License-Identifier: Apache-2.0
//
// Pages that are out in the swap, and come back now and then.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 2048;
  const std::string swaps = read_whole("/proc/swaps");
  if (swaps.find('\n') == swaps.size() - 1) skip("there is no swap");
  const Region region(kPages);
  region.write_all();
  const auto swap_out = [&](size_t first, size_t count) { must(::madvise(&region.page(first), count * kPage, MADV_PAGEOUT)); };
  swap_out(0, kPages);
  Meanwhile changes([&](Random& random) {
    const size_t index = random() % (kPages - 64);
    region.rewrite(index);
    if (random() % 8 == 0) swap_out(index, 64);
  });
  ready_and_wait();
  changes.stop();
  region.check();
  return pass();
}
