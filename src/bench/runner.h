// SPDX-License-Identifier: Apache-2.0
//
// Runs a scenario: brings its hosts up, starts the workload, puts load on it, moves it, and
// collects what ferry and the client say. Each step can also be taken alone, for experiments that
// do other things in between.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/hosts.h"
#include "bench/move_result.h"
#include "bench/scenario.h"
#include "bench/service.h"
#include "bench/table.h"
#include "load/result.h"

namespace ferry::bench {

struct RunResult {
  std::vector<MoveResult> moves;  // the last one may have failed: then no more were tried
  ServiceState at_start, at_end;
  std::optional<load::Result> load;
  std::vector<std::string> differences;  // what is wrong with the state; none: intact

  bool good(size_t moves_wanted) const;  // all of them moved, and the state is intact
};

class Runner {
 public:
  // Brings the hosts up. `wake_fd` readable: every step ends in an Error (cancelled).
  Runner(const Scenario& scenario, const Progress& progress, int wake_fd);

  // The whole scenario. A move that fails is a result; what keeps it from starting is an Error.
  RunResult run();

  const Hosts& hosts() const { return hosts_; }
  void start_service();
  MoveResult move(const Leg& leg);  // moves it; no client's view, no check

 private:
  Command start_load() const;
  load::Result end_load(Command& load) const;
  void move_along(RunResult& result);
  void check_state(RunResult& result) const;
  std::string asking() const;  // the host from which the service is asked

  const Scenario& scenario_;
  const Progress& progress_;
  Hosts hosts_;
  Service service_;
};

// Divides a run among its moves: halfway between two of them lies the border.
std::vector<Window> windows_of(const std::vector<MoveResult>& moves, int64_t from_ns,
                               int64_t to_ns);

}  // namespace ferry::bench
