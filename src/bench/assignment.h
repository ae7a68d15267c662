// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench assignment`: the recipe that this began with, typed as it was (docker's checkpoint,
// scp, docker's start; CRIU's dump, scp, restore), beside ferry's one command for the same; the
// same workloads, the same load, the same run; between like hosts and between unlike ones, there
// and back. docs/compatibility.md is made from its rows.
#pragma once

#include <string>
#include <vector>

#include "bench/experiment.h"

namespace ferry::bench {

struct AssignmentOptions {
  std::vector<std::string> pairs;      // of kPairLabels; empty: all
  std::vector<std::string> workloads;  // of kAssignmentWorkloads; empty: all
  base::Path compatibility;            // where the table goes, as Markdown; empty: nowhere
};
inline const std::vector<std::string> kAssignmentWorkloads = {
    "looper", "web_counter"};  // what the image can run
inline constexpr int kAssignmentRepeats = 3;

// `bench`: those of its options that are no scenario's.
base::Exit assignment(const AssignmentOptions& options, const BenchOptions& bench);

}  // namespace ferry::bench
