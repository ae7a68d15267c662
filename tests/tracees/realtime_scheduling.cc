// SPDX-License-Identifier: Apache-2.0
//
// Real-time scheduling with a priority.
#include <sched.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  sched_param parameter{5};
  if (::sched_setscheduler(0, SCHED_RR, &parameter) == -1) skip("its cpu cgroup has no real-time budget");
  ready_and_wait();
  require_equal(::sched_getscheduler(0), SCHED_RR, "the policy");
  must(::sched_getparam(0, &parameter));
  require_equal(parameter.sched_priority, 5, "the priority");
  return pass();
}
