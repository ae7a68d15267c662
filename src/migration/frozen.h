// SPDX-License-Identifier: Apache-2.0
//
// A workload that is stopped on the source: its cgroup frozen and its gate (handover/gate.h) shut. The object's life is the state. Until it is
// sealed, leaving the scope lets the workload go on as if nothing had happened; once sealed (the commit), only give_back() does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kernel/freezer.h"
#include "runtime/workload.h"

namespace ferry::migration {

class Frozen {
 public:
  // The cgroup that the workload is in while it is frozen: its own (a capsule, a container), or one for the move of a bare tree.
  static kernel::Freezer freezer_of(const runtime::Workload& workload);
  static std::optional<kernel::Freezer> find_freezer(const runtime::Workload& workload);

  // Where the processes of a bare tree are to go back to; nothing for those that have a cgroup of their own.
  struct Origin {
    pid_t pid;
    std::string cgroup;
  };
  using Origins = std::vector<Origin>;
  static Origins origins_of(const runtime::Workload& workload);

  // Throws Error when not every task can be stopped, or when the cgroup now holds a task outside the tree (an orphan: the dump would
  // miss it); the workload then runs on.
  // Of its gate: shut when it is frozen, opened (and announced) when it goes on here.
  struct GateEvents {
    std::function<void()> will_shut, shut, opened;
  };
  // For so long at most it may first, with its gate shut, accept the clients that wait for it.
  Frozen(const runtime::Workload& workload, const kernel::Freezer& freezer, Origins origins, base::milliseconds accepts = {},
         GateEvents gate_events = {});
  // Takes over, sealed, what a ferry that has gone left behind, in whatever state.
  struct LeftBehind {};
  Frozen(const runtime::Workload& workload, const kernel::Freezer& freezer, Origins origins, LeftBehind);
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen();

  int64_t since_ns() const { return since_ns_; }  // CLOCK_MONOTONIC of the freeze

  // CRIU thaws the cgroup once it has seized the tasks (criu/seize.c): without this, its death would let them run.
  void freeze_again() const;
  // From here on nothing but give_back() brings it back to life: not the end of this object, not our death.
  void seal() { sealed_ = true; }
  // It runs on here. Throws when something of it could not be put back.
  void give_back();
  // SIGKILL first, thaw second: no task runs another instruction. The caller lets CRIU go in between.
  void kill_all();
  void thaw_killed() const;

 private:
  void require_one_tree() const;
  void require_seizable() const;
  void freeze_at_a_good_moment();
  bool waits_for_guest(base::MonoTime deadline) const;
  void let_it_accept(base::milliseconds limit);
  void shut_gate();
  void put_back();

  const runtime::Workload& workload_;
  const kernel::Freezer& freezer_;
  Origins origins_;
  GateEvents gate_events_;
  int64_t since_ns_ = 0;
  bool sealed_ = false, ended_ = false, shut_ = false;
};

// In a workload's cgroup, and not of the tree below its root (`docker exec`, an orphan); 0: none. A task that has just gone is nobody's.
pid_t stranger_in(const kernel::Freezer& tasks, pid_t root);
// What an engine has started in its container, a healthcheck say, goes by itself. Who is still there then.
pid_t wait_for_strangers(const kernel::Freezer& tasks, pid_t root, base::MonoTime deadline);

}  // namespace ferry::migration
