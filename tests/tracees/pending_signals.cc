// SPDX-License-Identifier: Apache-2.0
//
// Signals that are blocked and pending: for the process, for one thread, and queued real-time ones with their values.
#include <thread>

#include "tracee.h"

namespace {
// The next pending signal of the set, 0 when there is none.
siginfo_t next_of(const sigset_t& set) {
  siginfo_t info{};
  const timespec none{};
  if (::sigtimedwait(&set, &info, &none) == -1) info.si_signo = 0;
  return info;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  sigset_t all;
  sigemptyset(&all);
  for (const int number : {SIGUSR1, SIGUSR2, SIGRTMIN + 2}) sigaddset(&all, number);
  must(::pthread_sigmask(SIG_BLOCK, &all, nullptr));
  bool prepared = false;
  std::thread thread([&] {
    must(::pthread_kill(pthread_self(), SIGUSR2));
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
    wait_for_go();
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, SIGUSR2);
    require_equal(next_of(own).si_signo, SIGUSR2, "the thread's own signal");
  });
  while (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE)) sleep_ns(kPoll_ns);
  must(::kill(::getpid(), SIGUSR1));
  for (int value : {11, 12, 13}) must(::sigqueue(::getpid(), SIGRTMIN + 2, sigval{value}));

  ready_and_wait();
  thread.join();
  siginfo_t info = next_of(all);
  require_equal(info.si_signo, SIGUSR1, "the process's signal");
  require_equal(info.si_pid, ::getpid(), "its sender");
  for (int value : {11, 12, 13}) {
    info = next_of(all);
    require_equal(info.si_signo, SIGRTMIN + 2, "a queued signal");
    require_equal(info.si_value.sival_int, value, "its value");
  }
  require_equal(next_of(all).si_signo, 0, "no other signal");
  return pass();
}
