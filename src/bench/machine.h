// SPDX-License-Identifier: Apache-2.0
//
// Where an experiment ran: numbers mean nothing without it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/hosts.h"
#include "report/experiment.h"

namespace ferry::bench {

struct Machine {
  report::Machine machine;  // this one
  std::string criu, ferry;  // versions

  static Machine look();  // throws Error when there is no CRIU
  std::string line() const;
};

nlohmann::ordered_json to_json(const Machine& machine);

// Kernel and versions on each of the hosts.
std::vector<report::Host> facts_of(const Hosts& hosts);

// What the kernel estimates to be free, from the text of /proc/meminfo.
uint64_t available_memory(const std::string& meminfo);

}  // namespace ferry::bench
