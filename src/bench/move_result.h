// SPDX-License-Identifier: Apache-2.0
//
// What is known of one move afterwards: ferry's own report, the client's view and the state check;
// and its JSON, one entry of `moves[]`.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "bench/client_view.h"
#include "bench/scenario.h"
#include "migration/events.h"

namespace ferry::bench {

struct MoveResult {
  std::string workload;            // its kind
  std::string engine = "process";  // what runs it
  std::string way = "ferry";       // who moved it
  Leg leg;
  migration::Report report;
  int64_t started_ns = 0, ended_ns = 0;  // CLOCK_REALTIME around the whole command
  std::optional<ClientView> client;      // with a load
  std::optional<bool> state_intact;      // once checked

  bool moved() const { return report.result == "moved"; }
  std::optional<double> phase_ms(std::string_view name) const;  // none: it did not come to it
};

// What `ferry move --json` prints. Throws Error when it is something else.
migration::Report parse_report(std::string_view json);

nlohmann::ordered_json to_json(const MoveResult& move);

}  // namespace ferry::bench
