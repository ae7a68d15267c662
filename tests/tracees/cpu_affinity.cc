// SPDX-License-Identifier: Apache-2.0
//
// Which CPUs a process, and a thread of it, may use.
#include <sched.h>

#include <thread>

#include "tracee.h"

namespace {
void pin_to(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  must(::sched_setaffinity(0, sizeof one, &one));
}
void check(int cpu) {
  cpu_set_t now;
  must(::sched_getaffinity(0, sizeof now, &now));
  require_equal(CPU_COUNT(&now), 1, "how many CPUs it may use");
  require(CPU_ISSET(cpu, &now), "which one");
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  cpu_set_t all;
  must(::sched_getaffinity(0, sizeof all, &all));
  int first = 0, last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(first, &all)) ++first;
  while (!CPU_ISSET(last, &all)) --last;
  bool prepared = false;
  std::thread thread([&] {
    pin_to(first);
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
    wait_for_go();
    check(first);
  });
  while (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE)) sleep_ns(kPoll_ns);
  pin_to(last);
  ready_and_wait();
  check(last);
  thread.join();
  return pass();
}
