// SPDX-License-Identifier: Apache-2.0
//
// The frames that tell a segment where an identity now is, one for each of its addresses: gratuitous ARP (RFC 5227, an announcement:
// sender = target = address), or an unsolicited neighbour advertisement to all nodes (RFC 4861, 7.2.6).
#pragma once

#include <string>
#include <vector>

#include "handover/identity.h"

namespace ferry::handover {

std::vector<std::string> announcements(const Identity& identity);

}  // namespace ferry::handover
