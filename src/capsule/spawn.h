// SPDX-License-Identifier: Apache-2.0
//
// A capsule: a pid, mount and time namespace (a network namespace too for a workload with an address of its own) whose pid 1
// is a tiny init of ferry's (capsule/init). The mount namespace is a slave copy of the host's with a /proc of its
// own: CRIU runs in the very same namespaces, so it has none of them to dump, and the same pids exist
// again on any host. The ipc namespace is the workload's, not the capsule's: CRIU stays outside, dumps it and makes it anew.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/subprocess.h"
#include "capsule/record.h"
#include "kernel/freezer.h"
#include "kernel/namespaces.h"

namespace ferry::capsule {

struct Spec {
  std::string name;
  bool own_network = false;
  bool own_ipc = false;  // for a new workload; one that arrives gets it from CRIU, with what is in it
  kernel::TimeOffsets time_offsets;  // of the workload's clocks against the initial time namespace
  pid_t last_pid = 0;                // pids are given out above this one; 0: from 2 on
};

// A capsule in the making. Until adopt() or launch(), its end (also ferry's death) ends the capsule and all in it.
class Capsule {
 public:
  static Capsule start(const Spec& spec);

  const kernel::ProcessId& init() const { return init_; }
  kernel::Namespaces namespaces() const { return kernel::Namespaces::of(init_.pid); }

  // Starts a new workload in it, in `freezer`, output to `log`; returns its root pid as the capsule sees it. Throws Error when
  // the program cannot be started. The capsule then lives as long as its workload does.
  pid_t launch(const base::Argv& command, const kernel::Freezer& freezer, const base::Path& log);
  // Threads, by the ids that they have in it, are kept to those CPUs ("0-3,8"). How many could not: this host has none of them.
  int pin(const std::string& cpus, const std::vector<pid_t>& tids);
  // The restored tree below `root_pid` is the workload now.
  void adopt(pid_t root_pid, const kernel::Freezer& freezer);
  // SIGKILL to everything in it, and waits for the end.
  void destroy();

 private:
  Capsule(kernel::ProcessId init, base::Fd control) : init_(init), control_(std::move(control)) {}
  std::string ask(const std::string& request);
  kernel::ProcessId init_;
  base::Fd control_;
};

// Kills a capsule's init, and with it every task in its pid namespace; waits until it has gone.
void destroy_capsule(const kernel::ProcessId& init);

}  // namespace ferry::capsule
