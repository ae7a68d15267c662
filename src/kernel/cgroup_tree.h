// SPDX-License-Identifier: Apache-2.0
//
// A cgroup by its path below the hierarchies' roots ("/web"): v1 shows it in a directory of each
// hierarchy, v2 in one.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::kernel {

// Those that are there, of all hierarchies that this host has mounted. None for the roots
// themselves.
std::vector<base::Path> cgroup_directories(const std::string& path);
// The path that such a directory shows; empty: that is of no hierarchy, or its root.
std::string cgroup_path_of(const base::Path& directory);
// The task leaves its own cgroups for these. Throws SysError; Error when there are none.
void enter_cgroup(pid_t pid, const std::string& path);

// Its children.
std::vector<base::Path> cgroups_below(const base::Path& directory);
// Removes the directory and all below it; false while there are still tasks in it.
bool remove_cgroup(const base::Path& directory);
// In every hierarchy. Tasks that were just killed leave a moment later: as long as that is waited
// for.
bool remove_cgroups(const std::string& path, std::chrono::milliseconds patience);

}  // namespace ferry::kernel
