// SPDX-License-Identifier: Apache-2.0
//
// Memory that mremap(2) moves to other addresses all the time, some of it so that zeros stay behind (MREMAP_DONTUNMAP); also onto
// places where it has been before.
#include "pages.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kRegions = 8, kPages = 128, kPlaces = 24;
  // A place is in use or PROT_NONE, so that nothing else comes to lie there.
  Page* const places = map_pages(kPlaces * kPages, MAP_NORESERVE, PROT_NONE);
  const auto place = [&](size_t index) { return places + index * kPages; };
  Region* regions[kRegions];
  size_t where[kRegions];
  bool taken[kPlaces] = {};
  for (size_t i = 0; i < kRegions; ++i) {
    where[i] = i;
    taken[i] = true;
    must(::mprotect(place(i), kPages * kPage, PROT_READ | PROT_WRITE));
    regions[i] = new Region(place(i), kPages);
    regions[i]->write_all();
  }
  Meanwhile moves([&](Random& random) {
    const size_t one = random() % kRegions, from = where[one];
    size_t to = random() % kPlaces;
    while (taken[to]) to = (to + 1) % kPlaces;
    const bool stays = random() % 4 == 0;
    require(::mremap(place(from), kPages * kPage, kPages * kPage,
                     MREMAP_MAYMOVE | MREMAP_FIXED | (stays ? MREMAP_DONTUNMAP : 0), place(to)) == place(to), "mremap");
    if (stays) require_page(place(from)[random() % kPages], 0, 0);
    require(::mmap(place(from), kPages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == place(from), "mmap");
    taken[from] = false;
    taken[to] = true;
    where[one] = to;
    regions[one]->moved_to(place(to));
    for (int i = 0; i < 4; ++i) regions[one]->rewrite(random() % kPages);
  });
  moves.wait_for_steps(50);
  ready_and_wait();
  moves.stop();
  for (const Region* region : regions) region->check();
  return pass();
}
