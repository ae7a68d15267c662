// SPDX-License-Identifier: Apache-2.0
//
// ARP for IPv4 over Ethernet (RFC 826), as whole frames.
#pragma once

#include <optional>
#include <string>

#include "handover/bridge_tap.h"

namespace ferry::handover {

// This MAC has this address, now (RFC 5227: an announcement).
std::string arp_announcement(const kernel::MacAddr& mac, const kernel::IpAddr& address);
// Who has this address? By one who has no address: nobody's tables change (RFC 5227: a probe).
std::string arp_probe(const kernel::MacAddr& asker, const kernel::IpAddr& address);
// Whom the frame calls the owner of the address, be it an answer or a question of its own.
std::optional<kernel::MacAddr> arp_owner(Frame frame, const kernel::IpAddr& address);

}  // namespace ferry::handover
