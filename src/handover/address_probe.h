// SPDX-License-Identifier: Apache-2.0
//
// Are addresses taken on a network segment? Asked as one asks who has none yet (RFC 5227, RFC 4862), so that nobody's tables change.
// The workload itself still answers from the other host; only an answer of another MAC counts.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "handover/identity.h"

namespace ferry::handover {

struct Owners {
  std::vector<KnownNeighbour> others;  // each address once
  bool itself = false;                 // the workload has answered: it is on that segment
};
// Who has the addresses of the identity; for each address it waits until the workload itself has answered, at most `limit`. Throws
// SysError.
Owners find_owners(const std::string& link, const Identity& identity, std::chrono::milliseconds limit);

}  // namespace ferry::handover
