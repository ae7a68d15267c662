// SPDX-License-Identifier: Apache-2.0
//
// The pages of a task that others look at through /proc/PID/mem, which gives EIO for what userfaultfd has not filled yet: arguments and
// environment (ps), and those that its threads need at once: where their stack pointers stand. They are filled before it runs.
#pragma once

#include <sys/types.h>

#include <span>

#include "kernel/procfs.h"
#include "memory/page_set.h"

namespace ferry::migration {

// Of a task that stands still. Empty when it has gone.
// `calls`: what its threads wait in.
memory::PageSet first_pages(pid_t pid, std::span<const kernel::CurrentCall> calls);

}  // namespace ferry::migration
