// SPDX-License-Identifier: Apache-2.0
//
// Neighbour discovery for IPv6 over Ethernet (RFC 4861, RFC 4862), as whole frames.
#pragma once

#include <optional>
#include <string>

#include "handover/bridge_tap.h"

namespace ferry::handover {

// This MAC has this address, now, whatever was known before: unsolicited, to all nodes.
std::string neighbour_advertisement(const kernel::MacAddr& mac, const kernel::IpAddr& address);
// Who has this address? By one who has no address: nobody's tables change (RFC 4862, 5.4.2: what detects duplicates).
std::string neighbour_probe(const kernel::MacAddr& asker, const kernel::IpAddr& address);
// Whom the frame calls the owner of the address: who advertises it, or is about to take it.
std::optional<kernel::MacAddr> advertised_owner(Frame frame, const kernel::IpAddr& address);

}  // namespace ferry::handover
