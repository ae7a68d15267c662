// SPDX-License-Identifier: Apache-2.0
#include "runtime/port_reasons.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/fd.h"
#include "handover/relay_registry.h"

namespace ferry::runtime {

using handover::PublishedPort;

namespace {

bool is_relayed_away(const PublishedPort& port) {
  return std::ranges::any_of(handover::all_relays(), [&](const auto& relay) {
    return relay.end == handover::RelayEnd::kEntrance &&
           std::ranges::any_of(relay.ports, [&](const auto& held) {
             return held.protocol == port.protocol && held.host == port.host &&
                    held.host_port == port.host_port;
           });
  });
}

// As engines try it: connections that have ended are in nobody's way. 0: it can.
int why_no_bind(const PublishedPort& port) {
  const bool is_udp = port.protocol == IPPROTO_UDP;
  const base::Fd socket(::socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
  const int yes = 1;
  if (!is_udp) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in at{AF_INET, htons(port.host_port), {}, {}};
  std::memcpy(&at.sin_addr, port.host.bytes.data(), sizeof at.sin_addr);
  const int refused = ::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  return refused == 0 ? 0 : errno;
}

}  // namespace

process::Reasons reasons_against_ports(const std::vector<PublishedPort>& ports) {
  process::Reasons reasons;
  for (const auto& port : ports) {
    const int why = port.host.size == 4 && !is_relayed_away(port) ? why_no_bind(port) : 0;
    const auto place = fmt::format("{}:{}", port.host.text(), port.host_port);
    if (why == EADDRINUSE) {
      reasons.push_back({fmt::format("the port {} is taken here", place),
                         fmt::format("the container publishes it ({})", port.text()),
                         "end who has it there (`ss -ltunp`)"});
    } else if (why == EADDRNOTAVAIL) {
      reasons.push_back({fmt::format("this host has no address {}", port.host.text()),
                         fmt::format("the container publishes a port at it ({})", port.text()),
                         "publish it at every address (-p PORT:PORT)"});
    }
  }
  return reasons;
}

}  // namespace ferry::runtime
