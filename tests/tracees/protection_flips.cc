// SPDX-License-Identifier: Apache-2.0
//
// Memory whose protection changes all the time; what is inaccessible keeps its content, and its last protection holds.
#include "faults.h"
#include "pages.h"

namespace {
constexpr size_t kRegions = 16, kPages = 64;
constexpr int kProtections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const Region region(kRegions * kPages);
  region.write_all();
  auto* const protection = map_shared<int>(kRegions);
  for (size_t i = 0; i < kRegions; ++i) protection[i] = PROT_READ | PROT_WRITE;
  Meanwhile flips([&](Random& random) {
    const size_t one = random() % kRegions;
    protection[one] = kProtections[random() % 3];
    must(::mprotect(&region.page(one * kPages), kPages * kPage, protection[one]));
    if (protection[one] != (PROT_READ | PROT_WRITE)) return;
    for (int i = 0; i < 4; ++i) region.rewrite(one * kPages + random() % kPages);
  });
  flips.wait_for_steps(50);
  ready_and_wait();
  flips.stop();
  catch_faults();
  for (size_t i = 0; i < kRegions; ++i) {
    volatile uint64_t& word = region.page(i * kPages).words[0];
    require(faults([&] { [[maybe_unused]] const uint64_t read = word; }) == (protection[i] == PROT_NONE), "whether it can be read");
    if (protection[i] == PROT_NONE) continue;
    const uint64_t same = word;
    require(faults([&] { word = same; }) == (protection[i] == PROT_READ), "whether it can be written");
  }
  must(::mprotect(region.address(), region.bytes(), PROT_READ));
  region.check();
  return pass();
}
