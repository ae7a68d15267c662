// SPDX-License-Identifier: Apache-2.0
//
// What the client's host does while a workload is moved: the load, connections that are mostly idle,
// a ping, and a capture. And what it saw of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/capture_witness.h"
#include "bench/ping_witness.h"
#include "bench/running_load.h"

namespace ferry::bench {

struct ClientRecords {
  std::optional<load::Result> load, idle;
  std::vector<int64_t> replies_ns;    // to ping
  std::optional<std::vector<OddSegment>> segments;  // captured
  std::vector<std::string> failures;  // of what could not be measured
};

class Clients {
 public:
  // Starts them. Throws Error.
  Clients(const Hosts& hosts, const LoadTarget& target, const LoadSpec& spec);
  // Ends them. Only an interruption is thrown: a load that fails must not cost what is known of the moves.
  ClientRecords finish();

 private:
  RunningLoad load_;
  std::optional<RunningLoad> idle_;
  std::optional<PingWitness> ping_;
  std::optional<CaptureWitness> capture_;
};

}  // namespace ferry::bench
