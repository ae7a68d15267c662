// SPDX-License-Identifier: Apache-2.0
//
// When a thread gets a CPU that others want, too, and how long it keeps it (sched_setattr(2)).
#pragma once

namespace ferry::kernel {

// For the calling thread, which computes much and is in no hurry: whoever wakes up with less to do
// gets the CPU at once, and not only with the next tick of the clock. Its share stays the same.
// From Linux 6.12 on (kernel/sched/fair.c: a slice of one's own, PREEMPT_SHORT); earlier ones pass
// over it.
void give_way_at_once();

// For the calling thread, which sleeps most of the time and must not be late: it runs as soon as it
// wakes up. Where its cgroup has no time for real-time tasks it has at least the shortest slice.
void run_on_time();

// Takes back either for the calling thread; its nice value is 0 then.
void run_as_usual();

}  // namespace ferry::kernel
