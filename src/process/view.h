// SPDX-License-Identifier: Apache-2.0
//
// Everything that /proc shows of a tree of tasks, read once: what the blockers and a move's requirements are found in. The
// tasks run meanwhile: what has gone is left out.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "process/tree.h"

namespace ferry::process {

struct Descriptor {
  pid_t pid = 0;
  int fd = 0;
  std::string target;    // as readlink says
  uint64_t flags = 0;    // O_…
  std::string info;      // all of fdinfo
  struct stat status {};
  bool is_path() const { return target.starts_with('/'); }
  // A field of fdinfo: "mnt_id", "Pid", "tty-index".
  std::optional<std::string> field(const std::string& name) const;
};

struct Mapping {
  uint64_t start = 0, end = 0;
  std::string permissions;  // "r-xp"
  dev_t device = 0;
  ino_t inode = 0;          // 0: no file
  std::string path;         // "[heap]", "/usr/lib/…", "/memfd:x (deleted)"; may be empty
  bool is_shared() const { return permissions[3] == 's'; }
};

struct Task {
  pid_t pid = 0;
  std::string command;  // comm
  std::vector<Descriptor> files;
  std::vector<Mapping> mappings;
  std::string label() const;  // "redis-server (pid 13)"
};

struct View {
  Tree tree;
  std::vector<Task> tasks;
  const Task& root() const { return tasks.front(); }
  bool holds(pid_t pid) const;
};

View look_at(const Tree& tree);

std::vector<Descriptor> descriptors_of(pid_t pid);
std::vector<Mapping> mappings_of(pid_t pid);

// Where we can open what the task's /proc calls `path`: through its root, unless that is a part of the mount tree only (chroot),
// for which the kernel prints whole paths anyway.
base::Path reachable(pid_t pid, const std::string& path);

// "PATH (deleted)" as the kernel marks names that are gone.
bool is_deleted(const std::string& target);
std::string without_deleted(const std::string& target);
// A path that the task can mean on the filesystem: not memfd, SysV memory, or the like.
bool is_file_path(const std::string& path);

}  // namespace ferry::process
