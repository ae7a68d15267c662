// SPDX-License-Identifier: Apache-2.0
//
// What the kernel is yet to write into the memory of a frozen task. Since Linux 6.1 (TASK_FREEZABLE) the freezer of cgroup v1 leaves those
// in nanosleep(2) asleep. How much of its time was left the kernel says when the sleep is interrupted, and that is
// when CRIU seizes the task. So these pages are as the dump has them only after it.
#pragma once

#include <span>

#include "kernel/procfs.h"
#include "memory/page_set.h"

namespace ferry::migration {

// Pages that may be written so. Nothing need be there. `calls`: what the threads wait in, frozen and not seized by anybody yet.
memory::PageSet late_writes(std::span<const kernel::CurrentCall> calls);

}  // namespace ferry::migration
