// SPDX-License-Identifier: Apache-2.0
//
// Forks all the time: each child checks what it has got, writes to it and ends. The parent's memory stays its own.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 1024, kSome = 64;
  const Region region(kPages);
  region.write_all();
  Meanwhile forks([&](Random& random) {
    const size_t first = random() % (kPages - kSome);
    uint64_t expected[kSome];  // as it is at the fork
    for (size_t i = 0; i < kSome; ++i) expected[i] = region.version(first + i);
    const pid_t child = static_cast<pid_t>(must(::fork()));
    if (child == 0) {
      sleep_ns(5 * kMillisecond_ns);
      for (size_t i = first; i < first + kSome; ++i) {
        require_page(region.page(i), i, expected[i - first]);
        write_page(region.page(i), i, 1'000'000);
      }
      sleep_ns(5 * kMillisecond_ns);
      for (size_t i = first; i < first + kSome; ++i) require_page(region.page(i), i, 1'000'000);
      ::_exit(0);
    }
    for (size_t i = first; i < first + kSome; i += 3) region.rewrite(i);
    expect_exit(child);
  }, 1, 20 * kMillisecond_ns);
  forks.wait_for_steps(3);
  ready_and_wait();
  forks.stop();
  region.check();
  return pass();
}
