// SPDX-License-Identifier: Apache-2.0
//
// Memory that is locked and unlocked all the time, the same amount of it at any moment: at the end what was locked last is, and
// its content is right.
#include "pages.h"
#include "smaps.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kRegions = 4, kPages = 64;
  std::unique_ptr<Region> regions[kRegions];
  for (auto& region : regions) {
    region = std::make_unique<Region>(kPages);
    region->write_all();
  }
  if (::mlock(regions[0]->address(), regions[0]->bytes()) == -1) skip("it may not lock memory");
  size_t locked = 0;
  Meanwhile flips([&](Random& random) {
    must(::munlock(regions[locked]->address(), regions[locked]->bytes()));
    locked = random() % kRegions;
    must(::mlock(regions[locked]->address(), regions[locked]->bytes()));
    for (const auto& region : regions) region->rewrite(random() % kPages);
  }, 1, 7 * kMillisecond_ns);
  flips.wait_for_steps(10);
  ready_and_wait();
  flips.stop();
  for (size_t i = 0; i < kRegions; ++i) {
    regions[i]->check();
    require_equal(has_vm_flag(regions[i]->address(), "lo"), i == locked, "whether it is locked");
  }
  return pass();
}
