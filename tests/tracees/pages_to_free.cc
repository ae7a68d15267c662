// SPDX-License-Identifier: Apache-2.0
//
// Pages that the kernel may take back (MADV_FREE) are zero or what they were, never anything else; written again they stay.
#include "pages.h"

namespace {
constexpr size_t kPages = 2048;

void check(const Region& region, const uint8_t* freed, size_t index) {
  if (freed[index] == 0 || !is_page(region.page(index), index, 0)) return region.check(index);
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const Region region(kPages);
  auto* const freed = map_shared<uint8_t>(kPages);
  region.write_all();
  Meanwhile changes([&](Random& random) {
    constexpr size_t kAtOnce = 16;
    const size_t first = random() % (kPages - kAtOnce);
    for (size_t i = first; i < first + kAtOnce; ++i) check(region, freed, i);
    if (random() % 2 == 0) {
      must(::madvise(&region.page(first), kAtOnce * kPage, MADV_FREE));
      std::memset(freed + first, 1, kAtOnce);
      return;
    }
    for (size_t i = first; i < first + kAtOnce; ++i) {
      if (is_page(region.page(i), i, 0)) region.now_zero(i);
      region.rewrite(i);
      freed[i] = 0;
    }
  });
  changes.wait_for_steps(50);
  ready_and_wait();
  changes.stop();
  for (size_t i = 0; i < kPages; ++i) check(region, freed, i);
  return pass();
}
