// SPDX-License-Identifier: Apache-2.0
//
// Namespaces of a task: opening, comparing and entering them; time offsets.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/fd.h"

namespace ferry::kernel {

// Names as in /proc/PID/ns.
inline constexpr const char* kNamespaceKinds[] = {"user", "mnt", "pid", "net", "ipc",
                                                  "uts",  "time", "cgroup"};

base::Fd open_namespace(pid_t pid, const std::string& kind);
// The inode number, equal for two tasks in the same namespace; 0 when the task has gone.
uint64_t namespace_id(pid_t pid, const std::string& kind);

// All of a task's namespaces that differ from our own, held open. Entering them is for a freshly forked
// child (mnt and time want a single-threaded process); a pid namespace holds for the *next* fork.
class Namespaces {
 public:
  static Namespaces of(pid_t pid);
  void leave_out(const std::string& kind) { fds_.erase(kind); }  // that one is not entered
  void enter() const;  // in the child; throws SysError
  bool has(const std::string& kind) const { return fds_.contains(kind); }
  int fd(const std::string& kind) const { return fds_.at(kind).get(); }

 private:
  std::map<std::string, base::Fd> fds_;
};

// Runs `work` on a thread of its own that is in that namespace (net, mnt is not possible), and waits. Exceptions pass through.
void in_network_namespace(int netns_fd, const std::function<void()>& work);

// Offsets of the monotonic and boottime clocks against the initial time namespace, in ns (time_namespaces(7)).
struct TimeOffsets {
  int64_t monotonic_ns = 0;
  int64_t boottime_ns = 0;
};
TimeOffsets time_offsets_of(pid_t pid);
TimeOffsets own_time_offsets();
// Valid between unshare(CLONE_NEWTIME) and the first fork into it.
void set_child_time_offsets(const TimeOffsets& offsets);

}  // namespace ferry::kernel
