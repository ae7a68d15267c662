// SPDX-License-Identifier: Apache-2.0
//
// Scenarios as people write them: small TOML files. Those that come with ferry lie in scenarios/,
// beside ferry or in the source tree, and are called by their name; others by their path. Any
// complaint says file and line, and what is allowed there.
#pragma once

#include <string_view>

#include "bench/scenario.h"

namespace ferry::bench {

// A name or a path. Throws Error (usage), which for an unknown name lists those that there are.
Scenario load_scenario(const std::string& name_or_path);

Scenario parse_scenario(std::string_view text, const std::string& file);

struct ShippedScenario {
  std::string name, description;
};
std::vector<ShippedScenario> shipped_scenarios();

}  // namespace ferry::bench
