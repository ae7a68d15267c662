// SPDX-License-Identifier: Apache-2.0
//
// Memory that tasks share: anonymous (MAP_SHARED), memfds, and files of tmpfs whose name is gone.
// CRIU takes it along as it is at the freeze; here it is read while the tasks run.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::memory {

struct SharedMemory {
  std::string name;  // "/dev/zero (deleted)"
  uint64_t inode = 0;
  base::Path file;  // /proc/PID/map_files/…, which opens it as a whole
};

// Of these tasks, each once. That of System V is not among them: its file cannot be read.
std::vector<SharedMemory> shared_memory_of(const std::vector<pid_t>& pids);

// What is in it, in pieces of whole pages; holes are left out, and stay holes. Nothing when it has
// gone. `take` may throw, which ends it.
void read_shared(const SharedMemory& memory,
                 const std::function<void(std::span<const std::byte> pages)>& take);

}  // namespace ferry::memory
