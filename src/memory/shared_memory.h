// SPDX-License-Identifier: Apache-2.0
//
// Memory that tasks share: anonymous (MAP_SHARED) and memfds.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "memory/page_set.h"

namespace ferry::memory {

struct SharedMapping {
  pid_t pid = 0;
  AddressRange range;
  uint64_t offset = 0;  // of its start in the memory
};

struct SharedMemory {
  uint64_t device = 0, inode = 0;
  std::string name;  // as memfd_create(2) takes it; anonymous memory has an empty one once CRIU has restored it
  uint64_t bytes = 0;   // its length
  uint64_t stored = 0;  // of them, without holes
  base::Fd file;  // all of it, to read
  std::vector<SharedMapping> mappings;
};

// Whether a mapping or a descriptor with this name (as maps and readlink(2) spell it) is of anonymous memory that is shared.
bool is_anonymous_shared(std::string_view name);

// Of these tasks, each memory once, opened while they have it mapped. Not among them: that of System V, whose file cannot be read, that of huge
// pages, which has no holes, and files of tmpfs.
std::vector<SharedMemory> shared_memory_of(const std::vector<pid_t>& pids);

}  // namespace ferry::memory
