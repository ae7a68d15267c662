// SPDX-License-Identifier: Apache-2.0
//
// Moves as their client saw them, cut out of the load generator's samples. All instants are the
// client's CLOCK_REALTIME.
#pragma once

#include <vector>

#include "bench/way.h"
#include "load/result.h"

namespace ferry::bench {

// Every request of a run belongs to one move: `from` is the run's start or lies halfway between
// this move and the one before, `to` likewise.
struct Window {
  int64_t from_ns = 0;
  int64_t started_ns = 0, ended_ns = 0;
  int64_t frozen_ns = 0, resumed_ns = 0;  // 0: it came to no freeze
  int64_t to_ns = 0;

  // Of the pause: an answer sent just before the freeze may come just after it.
  int64_t middle() const { return frozen_ns + (resumed_ns - frozen_ns) / 2; }
};

// Divides a run among its moves.
std::vector<Window> windows_of(const std::vector<MadeMove>& moves, int64_t from_ns, int64_t to_ns);

// What the client saw of one move: gap, latency before, during and after, errors, timeline. During:
// from the start of the move until it has ended and the client is served again.
void add_client_view(report::Move& move, const load::Result& result, const Window& window);

// What became of the requests on idle connections meanwhile, beside those of the load.
void add_idle_view(report::Move& move, const load::Result& idle, const Window& window);

// Of the answered requests due within [from, to). Its classes are 2 % wide.
report::Quantiles quantiles_of(const load::Result& result, int64_t from_ns, int64_t to_ns);

}  // namespace ferry::bench
