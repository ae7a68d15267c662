// SPDX-License-Identifier: Apache-2.0
//
// The pages of a task that CRIU writes into its images, since they are of no plane: what it has written to private mappings of files (relocated data of
// programs and libraries, for the most part), and what it has locked.
#pragma once

#include <sys/types.h>

#include "memory/vma.h"

namespace ferry::memory {

// As they are now. Empty too where the kernel does not tell (Linux before 6.7), or the task has gone.
PageSet pages_for_criu(pid_t pid, const Plane& plane);

}  // namespace ferry::memory
