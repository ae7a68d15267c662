// SPDX-License-Identifier: Apache-2.0
//
// Many moves as one row for each way and combination: medians over the repetitions with the
// smallest and the largest, and in words what differs and what the noise covers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/table.h"
#include "report/experiment.h"

namespace ferry::bench {

// Moves that are repetitions of each other.
struct Group {
  std::string workload, way;
  std::map<std::string, std::string> parameters;
  std::vector<const report::Move*> moves;

  std::string label(bool with_workload) const;
  // Of the moves that succeeded; those without the quantity are left out.
  std::vector<double> values(std::optional<double> report::Move::*quantity) const;
};

// In the order in which they first came.
std::vector<Group> groups_of(const report::Experiment& experiment);

std::string summary_text(const report::Experiment& experiment, const Paint& paint);
// Each way against the first one of the same workload and parameters, by the client's gap (the
// whole time where nobody has one).
std::vector<std::string> findings(const std::vector<Group>& groups);

// What went wrong and what was found intact, and the experiment's own notes.
std::string verdict_text(const report::Experiment& experiment, const Paint& paint);

}  // namespace ferry::bench
