// SPDX-License-Identifier: Apache-2.0
//
// The trackers of a whole tree of tasks. The caller says each round which processes there are; this finds out which
// of them share an address space (vfork, CLONE_VM), which are new, which have ended or are another program now (exec),
// and which cannot be tracked: those count in the last round only, whole.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memory/direct_io.h"
#include "memory/tracker.h"

namespace ferry::memory {

// One address space in one round.
struct SpaceRound {
  pid_t pid = 0;              // a process that has it, in our pid namespace
  int32_t inner_pid = 0;      // the same as the workload sees it; names the space on the wire
  std::vector<pid_t> shared;  // other processes with the same one
  // All of it is told anew: forget what was sent under this name. New, another program since (exec), or the process
  // that it was named by has left it to others, whose name it has now.
  bool fresh = false;
  bool tracked = false;       // false: only the last round has its pages
  std::string why_untracked;
  Plane plane;
  FrozenScan scan;            // `present` and `guards`: last round only
};

struct WorkloadRound {
  std::vector<SpaceRound> spaces;
  std::vector<int32_t> ended;   // names that mean nothing any more
  double longest_stop_ms = 0;   // for attaching, of any one task
  uint64_t written_pages() const;
};

class WorkloadTracker {
 public:
  // Stops all tasks of the workload while the result lives. Called in a round when some task's memory can only be
  // looked at so (Support's backend, DirectIo); such tasks are not tracked where it is empty.
  using StandStill = std::function<std::shared_ptr<void>()>;
  explicit WorkloadTracker(Support support, StandStill stand_still = {})
      : support_(std::move(support)), stand_still_(std::move(stand_still)) {}

  // `pids`: every process of the workload now, in our pid namespace, running (new ones are stopped by ptrace, which
  // frozen ones do not follow). Ones that have gone meanwhile do not matter.
  WorkloadRound round(const std::vector<pid_t>& pids);
  // All tasks are frozen. Those that were not tracked are told whole. When the move fails, round() goes on as before.
  WorkloadRound last_round(const std::vector<pid_t>& pids);

  // What is known of the memory's flags may be wrong (Plane: maps do not show all of them): the next round asks for them anew, which
  // walks all page tables.
  void distrust_flags();

  // Of the address space of a process of the last round, to scan memory that it shares; nullptr: its writes are not told by its page tables alone.
  Tracker* tracker_of(pid_t pid) const;

  const Support& support() const { return support_; }

 private:
  struct Space {
    std::unique_ptr<Tracker> tracker;
    Plane plane;
    std::vector<pid_t> shared;
    int32_t inner_pid = 0;
    std::string why_untracked;
    bool stands_still = false;  // scans need that
    bool told = false;          // a round had its pages
    bool distrusted = false;    // `plane` may be wrong
  };
  using Spaces = std::map<pid_t, Space>;  // by the process that names it

  void sort_out(const std::vector<pid_t>& pids, WorkloadRound& round);
  void check_direct_io(pid_t pid, Space& space);
  void attach_to(pid_t pid, Space& space, WorkloadRound& round);
  static bool look_at_plane(pid_t pid, Space& space);
  SpaceRound describe(pid_t pid, const Space& space) const;

  Support support_;
  StandStill stand_still_;
  Spaces spaces_;
};

}  // namespace ferry::memory
