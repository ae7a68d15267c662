// SPDX-License-Identifier: Apache-2.0
//
// The virtual hosts as the machine sees them: all of their processes, their files, their networks; without a process of ours in
// them, so that looking and striking disturb nothing and come at once.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/netlink.h"
#include "kernel/procfs.h"
#include "support/lab.h"

namespace ferry::faults {

enum class Role {
  kMove, kReceive, kGuard,
  kOtherFerry,  // resolve, ps, …
  kCriu,        // the one that ferry has started; not the tasks that it builds
  // The workload and what shares its fate: its capsule's init, and while it is dumped the twin that holds its tasks (criu/twin.h).
  kInit, kCensus, kTwin, kFill,
};
struct Task {
  std::string host;
  Role role;
  kernel::ProcessId process;
  char state;  // as in /proc/PID/stat
};

class Outside {
 public:
  explicit Outside(const testing::Lab& lab);

  // Of ferry, CRIU and the census on these hosts; a few ms.
  std::vector<Task> tasks() const;
  base::Path root_of(const std::string& host) const;   // of its files
  void in_network_of(const std::string& host, const std::function<void(kernel::Netlink&)>& work) const;

 private:
  std::map<std::string, pid_t> inits_;
  std::map<uint64_t, std::string> hosts_;  // by uts namespace
};

inline bool is_of_ferry(Role role) { return role != Role::kCensus && role != Role::kInit && role != Role::kTwin && role != Role::kFill; }

}  // namespace ferry::faults
