// SPDX-License-Identifier: Apache-2.0
//
// The file tree of a host: an overlay over the machine's own root whose changes live in a tmpfs that only the host's
// mount namespace knows. When the last process of the host goes, so does everything it wrote.
#pragma once

#include <vector>

#include "base/fd.h"
#include "lab/cgroups.h"

namespace ferry::lab {

struct RootPlan {
  base::Path scratch;                  // an existing directory; the tmpfs is mounted on it
  std::vector<base::Path> layers;      // copied into the host; the first one wins
  std::vector<base::Path> visible;     // of the machine: must be the same in the host, wherever they are mounted
  std::vector<Hierarchy> hierarchies;  // of cgroups
};

// In a process that has just got mount, pid, network, ipc and cgroup namespaces of its own: makes the tree and makes
// it the root. Throws SysError.
void enter_new_root(const RootPlan& plan);

}  // namespace ferry::lab
