// SPDX-License-Identifier: Apache-2.0
//
// The mounts that a task sees (proc_pid_mountinfo(5)).
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::kernel {

struct Mount {
  std::string id;  // as the mnt_id of /proc/PID/fdinfo/FD has it
  dev_t device = 0;
  base::Path root;   // what of its filesystem is mounted
  base::Path point;  // where, as the task sees it
  std::string type;  // "ext4", "cgroup", …
  // Of its filesystem; of a cgroup hierarchy of v1 its controllers are among them.
  std::set<std::string> options;
  bool is_cgroup() const { return type == "cgroup" || type == "cgroup2"; }
};

// In the kernel's order. None: it has gone.
std::vector<Mount> mounts_of(pid_t pid);
std::vector<Mount> own_mounts();

}  // namespace ferry::kernel
