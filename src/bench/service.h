// SPDX-License-Identifier: Apache-2.0
//
// The counter service of an experiment: started behind its own address, and asked who it is and how
// far it has counted.
#pragma once

#include <cstdint>
#include <string>

#include "bench/hosts.h"
#include "bench/scenario.h"

namespace ferry::bench {

// web_counter.py: beside ferry, or in the source tree that ferry was built in. Throws Error.
base::Path default_counter_program();

struct ServiceState {
  std::string id;  // pid and a number made at its start: the same process as before?
  uint64_t value = 0;
  double worst_step_ms = 0;      // the longest time that it did not run, as far as it knows
  uint64_t clock_went_back = 0;  // times that its CLOCK_MONOTONIC did

  static ServiceState parse(const std::string& text);  // throws Error
};

class Service {
 public:
  Service(const Hosts& hosts, const Workload& workload) : hosts_(hosts), workload_(workload) {}

  // Copies the program to the host, starts it by `ferry run` and waits until it answers `asking`.
  void start(const std::string& host, const std::string& asking) const;
  ServiceState ask(const std::string& from_host) const;
  std::string url() const;  // that counts

 private:
  const Hosts& hosts_;
  const Workload& workload_;
};

// Where the program is in its host.
base::Path installed_program(const Workload& workload);

}  // namespace ferry::bench
