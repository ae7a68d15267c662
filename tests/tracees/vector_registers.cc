// SPDX-License-Identifier: Apache-2.0
//
// A vector register holds its value through the move, in a thread that never enters the kernel.
#include <thread>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
#if defined(__x86_64__)
  alignas(16) const char before[16] = {'x', 'm', 'm', ' ', 'k', 'e', 'e', 'p', 's', ' ', 't', 'h', 'i', 's', '!', 1};
  alignas(16) char after[16] = {};
  int go = 0;
  std::thread thread([&] {
    __asm__ volatile(
        "movdqa (%0), %%xmm9\n"
        "1: pause\n"
        "cmpl $0, (%1)\n"
        "je 1b\n"
        "movdqa %%xmm9, (%2)\n"
        :
        : "r"(before), "r"(&go), "r"(after)
        : "xmm9", "memory", "cc");
  });
  ready_and_wait();
  __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
  thread.join();
  require(std::memcmp(before, after, sizeof after) == 0, "the register's content");
#else
  ready_and_wait();
#endif
  return pass();
}
