// SPDX-License-Identifier: Apache-2.0
#include "bench/ways.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "bench/hand_criu.h"

namespace ferry::bench {

namespace {

using Names = std::vector<std::string>;

[[noreturn]] void no_such(const char* what, const std::string& name, const Names& known) {
  throw base::Error({fmt::format("this ferry has no {} \"{}\"", what, name),
                     fmt::format("it has: {}", fmt::join(known, ", ")),
                     "",
                     {},
                     {}},
                    base::Exit::kUsage);
}

Names chosen(const char* what, const Names& names, const Names& known) {
  if (names == Names{"none"}) return {};
  if (names == Names{"all"}) return known;
  for (const auto& name : names) {
    if (std::ranges::find(known, name) == known.end()) no_such(what, name, known);
  }
  return names;
}

}  // namespace

Names baselines() { return {"criu", "criu-lazy"}; }

Names modes_from(const Names& names) { return chosen("mode", names, ferry_modes()); }
Names baselines_from(const Names& names) { return chosen("baseline", names, baselines()); }

std::vector<WayMaker> ways_of(const Scenario& scenario) {
  std::vector<WayMaker> ways;
  for (const auto& mode : scenario.modes) {
    for (const bool parking : scenario.parking) {
      ways.push_back([mode, parking](const Hosts& hosts) {
        return std::make_unique<FerryWay>(hosts, mode, parking);
      });
    }
  }
  for (const auto& baseline : scenario.baselines) {
    const auto memory = baseline == "criu" ? HandCriu::Memory::kCopied : HandCriu::Memory::kPulled;
    ways.push_back(
        [memory](const Hosts& hosts) { return std::make_unique<HandCriu>(hosts, memory); });
  }
  return ways;
}

}  // namespace ferry::bench
