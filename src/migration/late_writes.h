// SPDX-License-Identifier: Apache-2.0
//
// What the kernel is yet to write into the memory of a frozen task. Since Linux 6.1 (TASK_FREEZABLE) the freezer of cgroup v1 leaves those
// in nanosleep(2) asleep. How much of its time was left the kernel says when the sleep is interrupted, and that is
// when CRIU seizes the task. So these pages are as the dump has them only after it.
#pragma once

#include <sys/types.h>

#include "memory/page_set.h"

namespace ferry::migration {

// Pages that may be written so, of a task that is frozen and that nobody has seized yet. Nothing need be there. Empty when it has gone.
memory::PageSet late_writes(pid_t pid);

}  // namespace ferry::migration
