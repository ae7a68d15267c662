// SPDX-License-Identifier: Apache-2.0
//
// The ways that a scenario can name: ferry's modes, and what can be done without it ("baselines").
#pragma once

#include <string>
#include <vector>

#include "bench/ferry_way.h"
#include "bench/scenario.h"

namespace ferry::bench {

constexpr int kMostRepeats = 1'000;

std::vector<std::string> baselines();

// As typed or written: names, "all" (of the modes) or "none". Throw Error (usage).
std::vector<std::string> modes_from(const std::vector<std::string>& names);
std::vector<std::string> baselines_from(const std::vector<std::string>& names);

// Those of a scenario, in its order; ferry's first.
std::vector<WayMaker> ways_of(const Scenario& scenario);

}  // namespace ferry::bench
