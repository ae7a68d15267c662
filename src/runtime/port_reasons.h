// SPDX-License-Identifier: Apache-2.0
//
// Whether this host can publish the ports of a container that comes: its engine would say so only
// when it starts it.
#pragma once

#include <vector>

#include "handover/relay.h"
#include "process/reason.h"

namespace ferry::runtime {

// Who has a port, or that no address here is the one that it is published at. Those that a relay
// holds here count as free: it goes before the container comes that it leads to.
process::Reasons reasons_against_ports(const std::vector<handover::PublishedPort>& ports);

}  // namespace ferry::runtime
