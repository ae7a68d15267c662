// SPDX-License-Identifier: Apache-2.0
//
// How long a thread keeps its CPU while others want it, too (sched_setattr(2)).
#pragma once

namespace ferry::kernel {

// For the calling thread, which computes much and is in no hurry: whoever wakes up with less to do
// gets the CPU at once, and not only with the next tick of the clock. Its share stays the same.
// From Linux 6.12 on (kernel/sched/fair.c: a slice of one's own, PREEMPT_SHORT); earlier ones pass
// over it.
void give_way_at_once();

}  // namespace ferry::kernel
