// SPDX-License-Identifier: Apache-2.0
#include "handover/announcement.h"

#include <sys/socket.h>

#include "handover/arp_frame.h"
#include "handover/neighbour_frame.h"

namespace ferry::handover {

std::vector<std::string> announcements(const Identity& identity) {
  std::vector<std::string> frames;
  for (const auto& [address, length] : identity.addresses) {
    const bool ipv6 = address.family() == AF_INET6;
    frames.push_back(ipv6 ? neighbour_advertisement(identity.mac, address) : arp_announcement(identity.mac, address));
  }
  return frames;
}

}  // namespace ferry::handover
