// SPDX-License-Identifier: Apache-2.0
//
// After a dump and before its images are sent: what CRIU has recorded wrongly of open files is put right.
#pragma once

#include <functional>
#include <optional>

#include "base/fd.h"

namespace ferry::criu {

// The task that calls itself `inner` in the workload, as we call it; 0: there is none.
using HostPid = std::function<pid_t(pid_t inner)>;

// The tasks are still there, stopped: they are asked what the images do not say. Throws Error when an image cannot be read.
void correct_images(const base::Path& images, const HostPid& host_pid);

}  // namespace ferry::criu
