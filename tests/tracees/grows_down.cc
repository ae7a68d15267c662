// SPDX-License-Identifier: Apache-2.0
//
// A MAP_GROWSDOWN mapping that grows while it moves, and can still grow afterwards.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kRoom = 1024, kFirst = 4;
  // Far from everything else: the kernel keeps 256 pages free below such a mapping.
  auto* const top = reinterpret_cast<Page*>(uintptr_t{0x2000'0000'0000});
  void* const mapped = ::mmap(top - kFirst, kFirst * kPage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0);
  if (mapped == MAP_FAILED) skip("no MAP_GROWSDOWN here");
  auto* const depth = map_shared<std::atomic<size_t>>(1);
  for (size_t i = 1; i <= kFirst; ++i) write_page(top[-static_cast<long>(i)], i, 1);
  *depth = kFirst;
  const auto grow = [&] {
    const size_t next = *depth + 1;
    require_page(top[-static_cast<long>(next)], next, 0);
    write_page(top[-static_cast<long>(next)], next, 1);
    *depth = next;
  };
  Meanwhile growth([&](Random& random) {
    if (*depth < kRoom - 100) grow();
    const size_t index = 1 + random() % *depth;
    require_page(top[-static_cast<long>(index)], index, 1);
  }, 1, 5 * kMillisecond_ns);
  growth.wait_for_steps(10);
  ready_and_wait();
  growth.stop();
  for (int i = 0; i < 100; ++i) grow();
  for (size_t i = 1; i <= *depth; ++i) require_page(top[-static_cast<long>(i)], i, 1);
  return pass();
}
