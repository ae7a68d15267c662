// SPDX-License-Identifier: Apache-2.0
//
// Which processes share an address space (vfork until the exec, CLONE_VM), asked of the kernel with kcmp(2).
#pragma once

#include <sys/types.h>

#include <vector>

namespace ferry::memory {

// Groups of processes with one address space each, every group in the order of `pids`. Processes that have gone are
// in none. Without kcmp (CONFIG_KCMP) every process is taken for one of its own.
std::vector<std::vector<pid_t>> group_by_space(const std::vector<pid_t>& pids);

}  // namespace ferry::memory
