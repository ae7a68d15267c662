// SPDX-License-Identifier: Apache-2.0
//
// What a scenario file can set. One table, from which the reader, its complaints and the list of
// what is allowed all come.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/scenario.h"

namespace ferry::bench {

struct Setting {
  std::string key;  // "link.rate": in a table [link]
  bool many;        // takes a list, too
  std::function<std::string()> allowed;
  // Throws std::invalid_argument or Error, whose words fit behind the key.
  std::function<void(Scenario&, const std::vector<std::string>&)> take;
};

std::vector<Setting> scenario_settings();

}  // namespace ferry::bench
