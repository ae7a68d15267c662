// SPDX-License-Identifier: Apache-2.0
//
// An experiment as data: the hosts, what moves, who uses it meanwhile, and where it goes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "lab/spec.h"

namespace ferry::bench {

// A service behind an address of its own that answers as tests/programs/web_counter.py does.
struct Workload {
  std::string name = "web";          // as `ferry ps` calls it
  std::string kind = "web_counter";  // as results call it
  std::string address = "10.77.0.9";
  int prefix_length = 24;
  int port = 8080;
  base::Path program;  // on this machine; the first host gets a copy
};

struct Load {
  std::string host = "client";
  double rate = 200;    // requests per second, due on a schedule
  int connections = 8;  // keep-alive
};

struct Leg {
  std::string from, to;
};

struct Scenario {
  std::string name;
  lab::LabSpec lab;
  Workload workload;
  std::optional<Load> load;
  std::vector<Leg> legs;           // one after the other; each begins where the last one ended
  base::milliseconds calm{2'500};  // under load before, between and after the moves
};

}  // namespace ferry::bench
