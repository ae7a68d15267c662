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

// Who else has addresses of the identity, each once; for each address it waits until the workload itself has answered, at most
// `limit`. Throws SysError.
std::vector<KnownNeighbour> find_other_owners(const std::string& link, const Identity& identity, std::chrono::milliseconds limit);

}  // namespace ferry::handover
