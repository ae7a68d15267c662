// SPDX-License-Identifier: Apache-2.0
//
// The target's end of a relay, at the host's end of the container's veth. What has been relayed is
// put onto that link, so the container's kernel receives it as if from its bridge, and this host's
// firewall and conntrack see nothing of it. A table of nftables at ingress of the link leads what
// the container says on a relayed flow to a TAP; it looks the flow up in a set, where each is
// before its first packet is put in. All else, as of clients that come to this host's own port, is
// untouched.
//
// Nothing of this outlives the process.
#pragma once

#include <string>
#include <vector>

#include "handover/relay.h"

namespace ferry::handover {

struct RelayExitPlace {
  std::string link;                           // the host's end of the container's veth
  kernel::MacAddr workload_mac, gateway_mac;  // of its end; of its bridge
  kernel::IpPrefix address;                   // its own, with the length of its network
  std::vector<PublishedPort> ports;
  int netns = -1;  // its network namespace; the descriptor stays the caller's
};

}  // namespace ferry::handover
