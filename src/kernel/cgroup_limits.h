// SPDX-License-Identifier: Apache-2.0
//
// The limits of a cgroup on memory, CPU time and processes, as its files say them: those that were
// changed while it runs (`runc update`, echo) stand nowhere else. Only of one version of cgroups to
// the same: their files differ.
#pragma once

#include <string>
#include <vector>

namespace ferry::kernel {

struct CgroupLimit {
  std::string file;   // "memory.max"
  std::string value;  // as it is read and written
};

// Of the cgroup `path` (cgroup_tree.h), of all hierarchies.
std::vector<CgroupLimit> limits_of(const std::string& path);
// Those that the cgroup has, and has otherwise. Returns what the kernel refused, in words. What is
// no limit, or has no file here, is left out.
std::vector<std::string> set_limits(const std::string& path,
                                    const std::vector<CgroupLimit>& limits);

}  // namespace ferry::kernel
