// SPDX-License-Identifier: Apache-2.0
//
// Threads that begin and end all the time, each with a stack and thread-local memory of its own that it checks.
#include "pages.h"

namespace {
thread_local Page own_page;

void live(uint64_t name) {
  Page on_stack[4];
  for (size_t i = 0; i < 4; ++i) write_page(on_stack[i], name + i, 1);
  Page* own = &own_page;
  __asm__ volatile("" : "+r"(own));  // else gcc 12 makes an offset of it that no relocation can hold
  write_page(*own, name, 7);
  sleep_ns(10 * kMillisecond_ns);
  for (size_t i = 0; i < 4; ++i) require_page(on_stack[i], name + i, 1);
  require_page(*own, name, 7);
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  uint64_t name = 0;
  Meanwhile begins([&](Random&) {
    constexpr size_t kAtOnce = 4;
    std::thread threads[kAtOnce];
    for (auto& thread : threads) thread = std::thread(live, name += 10);
    for (auto& thread : threads) thread.join();
  }, 1, 5 * kMillisecond_ns);
  begins.wait_for_steps(3);
  ready_and_wait();
  begins.stop();
  return pass();
}
