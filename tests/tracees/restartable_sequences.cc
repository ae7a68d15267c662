// SPDX-License-Identifier: Apache-2.0
//
// rseq, which the C library has registered for each thread: the kernel still writes the CPU's number there.
#include <sched.h>
#include <sys/rseq.h>

#include <thread>

#include "tracee.h"

namespace {
void check() {
  if (__rseq_size == 0) return;  // this kernel has none
  const auto* area = reinterpret_cast<const volatile rseq*>(static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset);
  cpu_set_t all;
  must(::sched_getaffinity(0, sizeof all, &all));
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    must(::sched_setaffinity(0, sizeof one, &one));
    require_equal(area->cpu_id, cpu, "the CPU's number");
    require_equal(area->cpu_id_start, cpu, "the CPU's number at the start");
  }
  must(::sched_setaffinity(0, sizeof all, &all));
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  check();
  bool prepared = false;
  std::thread thread([&] {
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
    wait_for_go();
    check();
  });
  while (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE)) sleep_ns(kPoll_ns);
  ready_and_wait();
  check();
  thread.join();
  return pass();
}
