// SPDX-License-Identifier: Apache-2.0
//
// The load on a workload while it moves: `ferry load-test` on the client's host, or pgbench, whose
// log becomes the same kind of result.
#pragma once

#include "bench/workload.h"

namespace ferry::bench {

struct LoadSpec {
  double rate = 200;    // requests per second, due on a schedule
  int connections = 8;  // kept open
  int idle = 0;         // so many more, each used once in kIdlePeriodS only
  std::chrono::nanoseconds ping{0};  // beside it the address is pinged so often; 0: not
  bool capture = false;              // and its segments are captured

  std::string words() const;
};

inline constexpr double kIdlePeriodS = 20;

class RunningLoad {
 public:
  // Starts it. Throws Error.
  RunningLoad(const Hosts& hosts, const LoadTarget& target, const LoadSpec& spec);
  // Tells it to end, and gives what it found. Throws Error.
  load::Result finish();

 private:
  const Hosts& hosts_;
  LoadTarget target_;
  LoadSpec spec_;
  Command command_;
};

}  // namespace ferry::bench
