// SPDX-License-Identifier: Apache-2.0
//
// What the pause costs besides the last pages of memory, as far as this host's earlier moves tell: the median of the newest ones with about
// as many tasks and connections. Before the first one a rule of thumb stands in.
//
//     /var/lib/ferry/state_costs    one line per move, the newest last: TASKS DUMP_MS REST_MS CONNECTIONS
#pragma once

#include <cstddef>

#include "base/fd.h"

namespace ferry::migration {

struct StateSize {
  size_t tasks = 0;
  size_t connections = 0;  // of TCP, that go along or are ended
};

struct StateCost {
  double dump_ms = 0;  // CRIU's dump, beside which the last pages travel
  double rest_ms = 0;  // freeze, images, restore, commit
};

inline constexpr const char* kStateCosts = "/var/lib/ferry/state_costs";

StateCost expected_state_cost(const StateSize& size, const base::Path& file = kStateCosts);
// Never throws: the next move expects what it did before.
void remember_state_cost(const StateSize& size, const StateCost& cost, const base::Path& file = kStateCosts) noexcept;

}  // namespace ferry::migration
