// SPDX-License-Identifier: Apache-2.0
//
// How long the calling thread computes at a time when somebody else wants its CPU. It gets its share all the same.
#pragma once

namespace ferry::kernel {

// 0.1 ms instead of some 3: a workload that wakes up for a request waits no longer than that for a thread that copies pages. The slice
// is a task's own since kernel 6.12 (sched_attr.sched_runtime of SCHED_OTHER, kernel/sched/syscalls.c); earlier ones ignore it. What
// the thread starts later inherits it: not for one that starts CRIU, whose children become the workload.
void take_short_turns();

}  // namespace ferry::kernel
