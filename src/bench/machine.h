// SPDX-License-Identifier: Apache-2.0
//
// Where an experiment ran: numbers mean nothing without it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ferry::bench {

struct Machine {
  std::string date;  // ISO 8601
  std::string kernel, architecture, processor;
  long cores = 0;
  uint64_t memory_bytes = 0;
  std::string criu, ferry;  // versions

  static Machine look();  // throws Error when there is no CRIU
  std::string line() const;
};

nlohmann::ordered_json to_json(const Machine& machine);

}  // namespace ferry::bench
