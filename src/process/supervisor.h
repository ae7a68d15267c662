// SPDX-License-Identifier: Apache-2.0
//
// Who on this host looks after a process: starts it again when it ends, keeps its state. Moved away behind that one's back, the
// workload would be started a second time here.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "process/reason.h"

namespace ferry::process {

struct Supervisor {
  enum class Kind { kSystemd, kSupervisord, kRunit, kDocker, kPodman, kContainerd, kCrio, kKubernetes, kLxc, kMachine };
  Kind kind = Kind::kSystemd;
  std::string name;  // "nginx.service", "4f1c2b…", a pod's uid
  bool operator==(const Supervisor&) const = default;
};

// By the text of /proc/PID/cgroup (both versions). A login session or a scope without a restarting owner is none.
std::optional<Supervisor> supervisor_in_cgroups(std::string_view text);
// By its parent, else by its cgroups, unless ferry itself is inside the same.
std::optional<Supervisor> find_supervisor(pid_t pid);
Reason explain(const Supervisor& supervisor, const std::string& label);

}  // namespace ferry::process
