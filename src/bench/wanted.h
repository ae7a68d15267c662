// SPDX-License-Identifier: Apache-2.0
//
// What a scenario wants to see, from its file, and whether an experiment has shown it:
//
//     [[wanted]]
//     measure = "client_gap_ms"
//     of = { mode = "auto", memory = "largest" }
//     over = { mode = "auto", memory = "64 MiB" }
//     at_most = 1.5
//
// A measure is the median of the moves that `of` selects (in `every` move: the worst one's), over
// that of those that `over` selects where it is given. All in one run, on one machine.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "report/experiment.h"

namespace ferry::bench {

// By workload, engine, mode, via, way or a parameter that the scenario varies; "largest": the
// largest value of a parameter that any move was made with.
using Selection = std::map<std::string, std::string>;

struct Wanted {
  std::string measure;
  Selection of, over;
  bool every = false;
  double limit = 0;
  bool at_least = false;  // else at most
};

std::vector<std::string> wanted_measures();

// In the order of `wanted`. Nothing is met by moves that did not arrive.
std::vector<report::Target> judge(const std::vector<Wanted>& wanted,
                                  const report::Experiment& experiment);

}  // namespace ferry::bench
