// SPDX-License-Identifier: Apache-2.0
//
// Nice values and scheduling policies, which are each thread's own.
#include <sched.h>
#include <sys/resource.h>

#include <thread>
#include <vector>

#include "tracee.h"

namespace {
struct Setting {
  int policy, priority, nice;
};
void check(const Setting& expected) {
  sched_param parameter{};
  must(::sched_getparam(0, &parameter));
  require_equal(::sched_getscheduler(0), expected.policy, "the policy");
  require_equal(parameter.sched_priority, expected.priority, "the priority");
  require_equal(::getpriority(PRIO_PROCESS, 0), expected.nice, "the nice value");
}
void apply(const Setting& setting) {
  const sched_param parameter{setting.priority};
  must(::setpriority(PRIO_PROCESS, 0, setting.nice));
  must(::sched_setscheduler(0, setting.policy, &parameter));
  check(setting);
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const Setting settings[] = {{SCHED_OTHER, 0, -5}, {SCHED_BATCH, 0, 3}, {SCHED_IDLE, 0, 0}};
  int prepared = 0;
  std::vector<std::thread> threads;
  for (const Setting& setting : settings) {
    threads.emplace_back([&] {
      apply(setting);
      __atomic_add_fetch(&prepared, 1, __ATOMIC_ACQ_REL);
      wait_for_go();
      check(setting);
    });
  }
  while (__atomic_load_n(&prepared, __ATOMIC_ACQUIRE) < 3) sleep_ns(kPoll_ns);
  apply({SCHED_OTHER, 0, 7});
  ready_and_wait();
  check({SCHED_OTHER, 0, 7});
  for (auto& thread : threads) thread.join();
  return pass();
}
