// SPDX-License-Identifier: Apache-2.0
//
// Threads that may not run on every CPU. CRIU does not record it: ferry carries it along.
#pragma once

#include <vector>

#include "kernel/affinity.h"
#include "process/tree.h"

namespace ferry::process {

struct Pinned {
  kernel::CpuSet cpus;
  std::vector<pid_t> tids;  // as the innermost pid namespace calls them
};

// One for each set of CPUs. Who may run on all CPUs, or wherever we may, is not pinned: on the target, too, it may then run on all CPUs.
std::vector<Pinned> pinned_threads(const Tree& tree);

}  // namespace ferry::process
