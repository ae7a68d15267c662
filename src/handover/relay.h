// SPDX-License-Identifier: Apache-2.0
//
// A relay: what goes on leading the published ports of a container to where it lives now, after it
// has moved to another host. At the source an entrance (relay_entrance.h) takes the packets for the
// ports; at the target an exit (relay_exit.h) puts them into the container, and takes those of its
// answers. Between the two they go over lanes of TLS. The client goes on seeing SOURCE:PORT, the
// container the client, as with docker's DNAT without SNAT. Each end is a process of its own that
// outlives the ferry which has started it (relay_process.h); with the process all of it is gone.
//
// IPv4 only. What has been cut into fragments is not relayed (no part of it), nor what this host
// itself, or another container on the workload's own bridge, sends to the port. Of ICMP, clients'
// and routers' "destination unreachable" (fragmentation needed, above all) reach the workload;
// what the workload's kernel says by ICMP goes its own way, and does not reach the client. UDP
// keeps its order and may wait for what was lost on the way, as it travels within a TCP stream.
// Two connections of one client address and port to two ports (or addresses) that lead to the same
// port of the workload cannot be told apart: the second one waits until the first has ended.
#pragma once

#include <netinet/in.h>

#include <compare>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kernel/netlink.h"

namespace ferry::handover {

struct PublishedPort {
  uint8_t protocol = IPPROTO_TCP;  // or IPPROTO_UDP
  kernel::IpAddr host;             // 0.0.0.0: each address of the host
  uint16_t host_port = 0;
  uint16_t workload_port = 0;
  auto operator<=>(const PublishedPort&) const = default;
  std::string text() const;                           // "0.0.0.0:8080->80/tcp"
  static PublishedPort parse(std::string_view text);  // throws Error
};
// As they are told, noted and shown.
std::vector<std::string> texts_of(const std::vector<PublishedPort>& ports);
template <class Texts>
std::vector<PublishedPort> parse_ports(const Texts& texts) {  // throws Error
  std::vector<PublishedPort> ports;
  for (const std::string& text : texts) ports.push_back(PublishedPort::parse(text));
  return ports;
}

// When a relay ends by itself.
struct RelayPolicy {
  bool keep = false;                // never, but when it is stopped or has lost its other end
  base::milliseconds idle{60'000};  // else: when there has been no connection for so long. A client
                                    // that comes again after an answer does so sooner
};

// Flows at a time; packets of more are dropped and counted. A port's clients are fewer, each is
// some 200 bytes here and an element of a set in the target's kernel.
inline constexpr size_t kMostFlows = 65'536;

}  // namespace ferry::handover
