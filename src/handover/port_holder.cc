// SPDX-License-Identifier: Apache-2.0
#include "handover/port_holder.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstring>

namespace ferry::handover {

PortHolder::PortHolder(const std::vector<PublishedPort>& ports) {
  for (const auto& port : ports) ports_.push_back({port, {}});
}

void PortHolder::release() {
  for (auto& held : ports_) held.socket.reset();
}

bool PortHolder::try_hold() {
  bool all = true;
  for (auto& [port, held] : ports_) {
    if (held) continue;
    const int type = port.protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    base::Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    // Without SO_REUSEADDR: with it, on both sides, another could have the port as well.
    sockaddr_in at{AF_INET, htons(port.host_port), {}, {}};
    std::memcpy(&at.sin_addr, port.host.bytes.data(), sizeof at.sin_addr);
    if (socket && ::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) {
      held = std::move(socket);
    } else {
      all = false;
    }
  }
  return all;
}

}  // namespace ferry::handover
