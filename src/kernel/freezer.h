// SPDX-License-Identifier: Apache-2.0
//
// A cgroup of ferry's own that can stop all tasks in it at once: cgroup v2's cgroup.freeze (Linux 5.2) or the v1
// freezer controller, whichever the host has. It holds the tasks of one workload and nothing else.
//
// v1: a task that is killed while frozen stays until it is thawed: kill first, thaw second.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::kernel {

class Freezer {
 public:
  // Makes ferry/NAME below the hierarchy's root as we see it; an existing one is taken over.
  static Freezer create(const std::string& name);
  static Freezer create_empty(const std::string& name);  // for a new workload; throws Error when tasks are in it
  static std::optional<Freezer> find(const std::string& name);
  // Of a container engine: the one that a task is in, and by its path. The engine removes it.
  static Freezer of(pid_t pid);
  static std::optional<Freezer> at(const base::Path& path);

  const base::Path& path() const { return path_; }  // what CRIU's freeze_cgroup option wants
  void add(pid_t pid) const;                        // 0: the caller
  std::vector<pid_t> pids() const;                  // processes, in our pid namespace
  bool holds(pid_t pid) const;                      // the task is in it, or in one below it
  // Stops every task and waits until they have stopped; throws Error when that takes longer than `limit`.
  void freeze(std::chrono::milliseconds limit) const;
  void thaw() const;
  bool is_frozen() const;
  void kill_all() const;  // SIGKILL to every process in it; takes effect at the thaw on v1
  void remove() const;    // and ferry/ above it when that was the last; still populated: stays

 private:
  Freezer(base::Path path, bool v2, bool ours = true) : path_(std::move(path)), v2_(v2), ours_(ours) {}
  base::Path path_;
  bool v2_, ours_;
};

// Where a task is in that same hierarchy, to put it back there: the path below the hierarchy's root.
std::string freezer_cgroup_of(pid_t pid);
void move_to_cgroup(pid_t pid, const std::string& cgroup);

}  // namespace ferry::kernel
