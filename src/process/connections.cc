// SPDX-License-Identifier: Apache-2.0
#include "process/connections.h"

#include <fmt/format.h>

#include <set>
#include <tuple>

#include "base/choice.h"
#include "kernel/procfs.h"

namespace ferry::process {
namespace {

constexpr size_t kMostListed = 5;

}  // namespace

TcpPolicy parse_tcp_policy(std::string_view name) {
  return base::parse_choice<TcpPolicy>(name, kTcpPolicyNames, fmt::format("--tcp {} is none that there is", name));
}

std::vector<InetSocket> connections_of(const View& view) {
  auto sockets = inet_sockets_of(view);
  std::erase_if(sockets, [](const InetSocket& one) { return one.udp || one.listening; });
  std::set<std::tuple<std::string, uint16_t, std::string, uint16_t>> ends;
  for (const auto& one : sockets) ends.emplace(plain_address(one.address), one.port, plain_address(one.remote), one.remote_port);
  std::erase_if(sockets, [&](const InetSocket& one) {
    return ends.contains({plain_address(one.remote), one.remote_port, plain_address(one.address), one.port});
  });
  return sockets;
}

std::string list_of(const std::vector<InetSocket>& connections) {
  std::string text;
  for (size_t i = 0; i < connections.size() && i < kMostListed; ++i) {
    const auto& one = connections[i];
    text += fmt::format("{}{} (pid {}) fd {} connected to {} port {}", i == 0 ? "" : "; ", kernel::comm_of(one.pid), one.pid,
                        one.fd, plain_address(one.remote), one.remote_port);
  }
  if (connections.size() > kMostListed) text += fmt::format("; and {} more", connections.size() - kMostListed);
  return text;
}

}  // namespace ferry::process
