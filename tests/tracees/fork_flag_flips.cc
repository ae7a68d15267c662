// SPDX-License-Identifier: Apache-2.0
//
// MADV_DONTFORK and MADV_WIPEONFORK, set and taken back all the time, of one mapping after the other: a change that only VmFlags
// shows. What was set last holds.
#include <array>

#include "pages.h"
#include "smaps.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kMappings = 200, kStride = 2;
  const Region region(kStride * kMappings);
  // What lies between them keeps them apart, so that there are as many at any time.
  for (size_t i = 0; i < kMappings; ++i) {
    region.rewrite(kStride * i);
    must(::mprotect(&region.page(kStride * i + 1), kPage, PROT_NONE));
  }
  std::array<bool, kMappings> set{};
  size_t next = 0;
  Meanwhile flips([&](Random& random) {
    const size_t one = next++ % kMappings;
    set[one] = !set[one];
    const bool hides = one % 2 == 0;
    const int advice = hides ? (set[one] ? MADV_DONTFORK : MADV_DOFORK) : (set[one] ? MADV_WIPEONFORK : MADV_KEEPONFORK);
    must(::madvise(&region.page(kStride * one), kPage, advice));
    region.rewrite(random() % kMappings * kStride);
  }, 1, 7 * kMillisecond_ns);
  flips.wait_for_steps(10);
  ready_and_wait();
  flips.stop();
  const std::string smaps = read_smaps();
  for (size_t i = 0; i < kMappings; ++i) {
    region.check(kStride * i);
    require_equal(has_vm_flag(&region.page(kStride * i), i % 2 == 0 ? "dc" : "wf", smaps), set[i], "what a child gets");
  }
  return pass();
}
