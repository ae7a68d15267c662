// SPDX-License-Identifier: Apache-2.0
//
// A process that waits in vfork(2) until its child has called exec or has ended. Nothing but SIGKILL interrupts that wait, so CRIU would
// try to seize the task for many seconds. Most such waits are over in a millisecond (posix_spawn(3) is one).
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "base/clock.h"

namespace ferry::process {

// How long a move waits for it.
inline constexpr base::milliseconds kVforkLimit{1000};

struct VforkWait {
  pid_t parent = 0, child = 0;
};
// One of `pids`, which are all of a workload, running or frozen. Without kcmp(2) (CONFIG_KCMP) none is found.
std::optional<VforkWait> find_vfork(const std::vector<pid_t>& pids);
// Waits until there is none; what is still there then.
std::optional<VforkWait> wait_for_vforks(const std::vector<pid_t>& pids, base::MonoTime deadline);

}  // namespace ferry::process
