// SPDX-License-Identifier: Apache-2.0
//
// Is an IPv4 address taken on a network segment? Asked as RFC 5227 has it: an ARP question that gives no address of its own, so
// that nobody's tables change. The workload itself still answers from the other host; only an answer of another MAC counts.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "handover/identity.h"

namespace ferry::handover {

// The MAC of somebody else who has the identity's address; nothing when there is no answer within the limit, or
// only the workload's own. Throws SysError.
std::optional<kernel::MacAddr> find_other_owner(const std::string& link, const Identity& identity,
                                                std::chrono::milliseconds limit);

}  // namespace ferry::handover
