// SPDX-License-Identifier: Apache-2.0
//
// A host's cgroups: one directory below the caller's own cgroup in every hierarchy that the machine has mounted
// (v1, hybrid or v2), named after the lab's id so that nobody else's is ever touched.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::lab {

struct Hierarchy {
  std::string controllers;  // "cpu,cpuacct", "name=systemd"; empty: v2
  base::Path mount_point;   // on the machine
  base::Path own;           // the directory of the caller's cgroup

  bool is_v2() const { return controllers.empty(); }
};

// The hierarchies that the calling process is in and can reach.
std::vector<Hierarchy> find_hierarchies();

// Makes `name` in all of them; returns the directories, in the same order. Throws SysError.
std::vector<base::Path> make_cgroups(const std::vector<Hierarchy>& hierarchies, const std::string& name);
// Moves the calling process.
void join_cgroups(const std::vector<base::Path>& directories);
// In a host, which has just got its cgroup namespace: on a machine with v2 alone, moves the calling process one below and
// hands the controllers on that the machine has given, as the init of a machine does: a cgroup that has processes cannot.
void hand_on_controllers(const std::vector<Hierarchy>& hierarchies, const std::vector<base::Path>& directories);
// Where a task is, as directories of the machine.
std::vector<base::Path> cgroups_of(pid_t pid);

// Lets every task below `directory` run again: on v1 a frozen task does not even die.
void thaw_tree(const base::Path& directory);

// In a host's mount namespace, its sysfs mounted below `root` already, inside its cgroup namespace: mounts the same
// hierarchies as the machine has, where the machine has them.
void mount_hierarchies(const std::vector<Hierarchy>& hierarchies, const base::Path& root);

}  // namespace ferry::lab
