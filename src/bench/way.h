// SPDX-License-Identifier: Apache-2.0
//
// One way of moving a workload from host to host: ferry in one of its modes, or something done by
// hand. It runs the workload as it needs it, moves it along, and ends it; a way object serves for
// one running of one workload.
#pragma once

#include <functional>
#include <memory>

#include "bench/table.h"
#include "bench/workload.h"
#include "report/experiment.h"

namespace ferry::bench {

// Gigabytes over a slow link take minutes; a real hang must not look like work.
constexpr base::milliseconds kMoveLimit{900'000};

struct Leg {
  std::string from, to;
};

// A move as the way knows it. All instants are CLOCK_REALTIME of the client.
struct MadeMove {
  report::Move move;                      // without what only the client and the workload know
  int64_t started_ns = 0, ended_ns = 0;   // of the whole of it
  int64_t frozen_ns = 0, resumed_ns = 0;  // 0: it came to no freeze

  bool moved() const { return move.result == "moved"; }
};

class Way : public Running {
 public:
  virtual std::string name() const = 0;  // as rows and legends call it: "ferry (stop)"

  // Installs it on both hosts and runs it on the first. Throws Error.
  virtual void start(const Workload& workload, const std::string& host) = 0;
  // A move that fails is a result. What cannot even be tried is an Error.
  virtual MadeMove move(const Leg& leg) = 0;
  // Ends the workload wherever it is and removes what this way has left on the hosts. False when it
  // could not: the hosts are then of no further use.
  [[nodiscard]] virtual bool end() = 0;
};

using WayMaker = std::function<std::unique_ptr<Way>(const Hosts& hosts)>;

}  // namespace ferry::bench
