// SPDX-License-Identifier: Apache-2.0
//
// The trackers of a whole tree of tasks. The caller says each round which processes there are; this finds out which
// of them share an address space (vfork, CLONE_VM), which are new, which have ended or are another program now (exec),
// and which cannot be tracked: those count in the last round only, whole.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "memory/tracker.h"

namespace ferry::memory {

// One address space in one round.
struct SpaceRound {
  pid_t pid = 0;              // a process that has it, in our pid namespace
  int32_t inner_pid = 0;      // the same as the workload sees it; names the space on the wire. When it changes hands
                              // (the process that named it has left), it is `fresh` again under the new name
  std::vector<pid_t> shared;  // other processes with the same one
  bool fresh = false;         // new, or not the space that this name meant in the last round: forget what was sent
  bool tracked = true;        // false: only the last round has its pages
  std::string why_untracked;
  Plane plane;
  FrozenScan scan;            // `present` and `guards`: last round only
};

struct WorkloadRound {
  std::vector<SpaceRound> spaces;
  std::vector<int32_t> ended;     // names of the last round that mean nothing any more
  double longest_stop_ms = 0;     // for attaching, of any one task
  uint64_t written_pages() const;
};

// Why a task's memory can change without its page tables knowing.
struct DirectIo {
  bool needs_frozen_scan = false;  // it has files open with O_DIRECT: protecting scans only while it is frozen
  std::string untrackable;         // an AIO ring, io_uring, vfio, rdma: "pid 7 uses io_uring"; empty: none
};
DirectIo direct_io_of(pid_t pid);

class WorkloadTracker {
 public:
  explicit WorkloadTracker(Support support) : support_(std::move(support)) {}
  // `pids`: every process of the workload now, in our pid namespace. Ones that have gone meanwhile do not matter.
  WorkloadRound round(const std::vector<pid_t>& pids);
  // The cgroup is frozen. New processes that cannot be attached to any more are returned whole.
  WorkloadRound last_round(const std::vector<pid_t>& pids);

  // From the last round: some process has files open with O_DIRECT. The caller freezes the cgroup around round().
  bool needs_frozen_scan() const { return needs_frozen_scan_; }
  const Support& support() const { return support_; }

 private:
  struct Space {
    std::unique_ptr<Tracker> tracker;
    Plane plane;
    int32_t inner_pid = 0;
    std::string why_untracked;
    bool reported = false;
  };
  struct Group {
    pid_t pid = 0;
    std::vector<pid_t> shared;
  };
  WorkloadRound look(const std::vector<pid_t>& pids, bool frozen);

  Support support_;
  std::map<pid_t, Space> spaces_;  // by Group::pid
  bool needs_frozen_scan_ = false;
};

}  // namespace ferry::memory
