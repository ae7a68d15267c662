// SPDX-License-Identifier: Apache-2.0
//
// One move as its client saw it, cut out of the load generator's samples. All instants are
// CLOCK_REALTIME, which the hosts of a lab share.
#pragma once

#include <optional>

#include "load/result.h"

namespace ferry::bench {

// Every request of a run belongs to one move: `from` is the run's start or lies halfway between
// this move and the one before, `to` likewise.
struct Window {
  int64_t from_ns = 0;
  int64_t started_ns = 0, ended_ns = 0;   // of `ferry move`
  int64_t frozen_ns = 0, resumed_ns = 0;  // 0: it came to no freeze
  int64_t to_ns = 0;
};

struct Latency {
  std::optional<double> p50_ms, p99_ms;  // none without answered requests
};

struct ClientView {
  // From the last answer before the freeze to the first one after. None when an answer is missing.
  std::optional<double> gap_ms;
  std::optional<double> worst_latency_ms;  // of the requests due during the move
  uint64_t requests = 0, errors = 0, resets = 0;
  uint64_t unanswered = 0;  // open when the load was told to end: no errors yet
  load::Counts counts{};
  // During: from the start of the move until it has ended and the client is served again.
  Latency before, during, after;
};

ClientView view_of(const load::Result& result, const Window& window);

}  // namespace ferry::bench
