// SPDX-License-Identifier: Apache-2.0
//
// One running of one workload: started, put under load, moved there and back by one way, asked
// whether it is still itself, ended. What comes out is moves, complete but for what the scenario
// varied.
#pragma once

#include <vector>

#include "bench/running_load.h"
#include "bench/way.h"

namespace ferry::bench {

struct SessionPlan {
  WorkloadSpec workload;
  std::optional<LoadSpec> load;    // not for workloads that serve nobody
  int moves = 2;                   // there, back, there, …
  base::milliseconds calm{2'500};  // under load before, between and after the moves
  bool from_target = false;        // begins on the target instead
};

struct SessionResult {
  std::vector<report::Move> moves;  // the last one may have failed: then no more were tried
  bool clean = true;                // the hosts are as they were; else they are of no further use
};

// Throws Error for what keeps it from being tried at all.
SessionResult run_session(const Hosts& hosts, const SessionPlan& plan, Way& way,
                          const Progress& progress);

}  // namespace ferry::bench
