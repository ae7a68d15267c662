// SPDX-License-Identifier: Apache-2.0
//
// What an experiment does, as data: which workloads move, by which ways, and what is varied. Each
// list is a dimension; every combination of their values is measured. From a file
// (scenario_file.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "bench/session.h"
#include "bench/wanted.h"
#include "report/experiment.h"

namespace ferry::bench {

inline constexpr const char* kProcess = "process";  // an engine's place: in no container

struct Scenario {
  std::string name, description;
  std::vector<std::string> workloads{"web_counter"};
  std::vector<std::string> engines{kProcess};  // in whose containers they run
  std::vector<std::string> modes;      // of ferry
  std::vector<std::string> baselines;  // ways without it (ways.h)
  // Empty: not set, which is one value, too.
  std::vector<uint64_t> memory_bytes, dirty_bytes_per_second, link_bytes_per_second;
  std::vector<std::chrono::nanoseconds> link_delay;
  std::vector<int> connections{8};
  std::vector<int> idle_connections;  // beside those
  std::vector<bool> parking{true};    // of ferry: each of its modes with it, without it
  double rate = 200;
  std::chrono::nanoseconds ping{0};  // LoadSpec::ping
  bool capture = false;              // LoadSpec::capture
  bool stream = false;               // a plain TCP stream is measured, too (tcp_stream.h)
  int moves = 2;  // in a repetition, of each way: there and back
  int repeat = 3;
  base::milliseconds calm{2'500};
  std::vector<Wanted> wanted;
};

// One combination.
struct Cell {
  WorkloadSpec workload;
  LoadSpec load;
  uint64_t link_bytes_per_second = 0;
  std::chrono::nanoseconds link_delay{0};
  std::map<std::string, std::string> parameters;  // those that vary

  bool same_link(const Cell& other) const {
    return link_bytes_per_second == other.link_bytes_per_second && link_delay == other.link_delay;
  }
};

// Combinations with the same link follow each other. A workload without a dial has no values of it.
std::vector<Cell> cells_of(const Scenario& scenario);
std::vector<report::Parameter> parameters_of(const Scenario& scenario);

// What a combination needs of the memory of one machine that has both hosts on it: the workload on
// one host, its images on both, and the workload on the other one.
uint64_t memory_needed(const Cell& cell);

}  // namespace ferry::bench
