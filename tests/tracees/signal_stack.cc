// SPDX-License-Identifier: Apache-2.0
//
// An alternative stack for signals, of the main thread and of another.
#include <thread>

#include "tracee.h"

namespace {
constexpr size_t kSize = 64 * 1024;
thread_local volatile uintptr_t handled_at = 0;

void set_stack(char* stack) {
  stack_t alternative{stack, 0, kSize};
  must(::sigaltstack(&alternative, nullptr));
}
void check(const char* stack) {
  stack_t now{};
  must(::sigaltstack(nullptr, &now));
  require(now.ss_sp == stack && now.ss_size == kSize && now.ss_flags == 0, "the stack");
  must(::pthread_kill(pthread_self(), SIGUSR1));
  const auto low = reinterpret_cast<uintptr_t>(stack);
  require(handled_at > low && handled_at < low + kSize, "the handler has run on it");
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  struct sigaction action {};
  action.sa_handler = [](int) {
    const char here = 0;
    handled_at = reinterpret_cast<uintptr_t>(&here);
  };
  action.sa_flags = SA_ONSTACK;
  must(::sigaction(SIGUSR1, &action, nullptr));
  static char stacks[2][kSize];
  set_stack(stacks[0]);
  bool prepared = false;
  std::thread thread([&] {
    set_stack(stacks[1]);
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
    wait_for_go();
    check(stacks[1]);
  });
  while (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE)) sleep_ns(kPoll_ns);
  ready_and_wait();
  check(stacks[0]);
  thread.join();
  return pass();
}
