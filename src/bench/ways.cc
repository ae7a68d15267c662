// SPDX-License-Identifier: Apache-2.0
#include "bench/ways.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "bench/docker_way.h"
#include "bench/hand_criu.h"
#include "bench/oci_way.h"
#include "bench/podman_bridge_way.h"
#include "bench/podman_way.h"

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

// The last one is that of containers.
Names baselines() { return {"criu", "criu-lazy", "native"}; }

Names modes_from(const Names& names) { return chosen("mode", names, ferry_modes()); }
Names baselines_from(const Names& names) { return chosen("baseline", names, baselines()); }

namespace {

bool has_baseline(const Scenario& scenario, const char* name) {
  return std::ranges::find(scenario.baselines, name) != scenario.baselines.end();
}

void add_process_ways(const Scenario& scenario, std::vector<WayMaker>& ways) {
  for (const auto& mode : scenario.modes) {
    for (const bool parking : scenario.parking) {
      ways.push_back([mode, parking](const Hosts& hosts) {
        return std::make_unique<FerryWay>(hosts, mode, parking);
      });
    }
  }
  for (const auto& [name, memory] : {std::pair("criu", HandCriu::Memory::kCopied), std::pair("criu-lazy", HandCriu::Memory::kPulled)}) {
    if (!has_baseline(scenario, name)) continue;
    ways.push_back([memory](const Hosts& hosts) { return std::make_unique<HandCriu>(hosts, memory); });
  }
}

// `which`: of the containers, where there are several kinds.
template <typename Ferry, typename Hand, typename... Which>
void add_container_ways(const Scenario& scenario, std::vector<WayMaker>& ways,
                        const Which&... which) {
  for (const auto& mode : scenario.modes) {
    ways.push_back([mode, which...](const Hosts& hosts) {
      return std::make_unique<Ferry>(hosts, mode, which...);
    });
  }
  if (!has_baseline(scenario, "native")) return;
  ways.push_back([which...](const Hosts& hosts) { return std::make_unique<Hand>(hosts, which...); });
}

}  // namespace

std::vector<WayMaker> ways_of(const Scenario& scenario) {
  std::vector<WayMaker> ways;
  for (const auto& engine : scenario.engines) {
    if (engine == kProcess) add_process_ways(scenario, ways);
    if (engine == "runc" || engine == "crun")
      add_container_ways<FerryOci, HandOci>(scenario, ways, engine);
    if (engine == kPodman) add_container_ways<FerryPodman, HandPodman>(scenario, ways);
    if (engine == kPodmanBridge)
      add_container_ways<FerryPodmanBridge, HandPodmanBridge>(scenario, ways);
    if (engine == "docker") add_container_ways<FerryDocker, HandDocker>(scenario, ways);
  }
  return ways;
}

}  // namespace ferry::bench
