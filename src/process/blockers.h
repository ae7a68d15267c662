// SPDX-License-Identifier: Apache-2.0
//
// What of a workload itself cannot move, found by looking at it while it runs: every reason at once, and none that a move would
// survive. Nothing is touched. What the other host lacks is not asked here (migration/requirements.h).
#pragma once

#include <functional>

#include "process/connections.h"
#include "process/reason.h"
#include "process/view.h"

namespace ferry::process {

// What a deleted file that is still open may hold at most to travel inside the images: CRIU's ghost limit, which it is given.
inline constexpr uint32_t kGhostLimit = 256u << 20;

struct BlockerOptions {
  bool own_network = false;  // its address moves with it
  std::string address = {};  // without one: this address of the host does
  // Or its clients are led on to where it is then: whether this one is.
  std::function<bool(const InetSocket&)> is_relayed = {};
  TcpPolicy tcp = TcpPolicy::kKeep;
  bool container = false;    // its engine makes its namespaces, files and standard streams anew
  bool ours = false;         // ferry started it or brought it here: nobody else starts it again when it has gone
};

Reasons find_blockers(const View& view, const BlockerOptions& options);

}  // namespace ferry::process
