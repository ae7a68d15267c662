// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_origins.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/fd.h"
#include "handover/relay.h"

namespace ferry::handover {

namespace {

// From which address this host would speak to it.
std::optional<RelayAddress> address_towards(uint32_t client) {
  const base::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in there{AF_INET, htons(9), {htonl(client)}, {}}, here{};
  socklen_t size = sizeof here;
  if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) < 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&here), &size) < 0)
    return std::nullopt;
  return RelayAddress{ntohl(here.sin_addr.s_addr), 0};
}

std::optional<kernel::MacAddr> mac_of(const kernel::Netlink& host, int link,
                                      const kernel::IpAddr& address) {
  for (const auto& neighbour : host.neighbours()) {
    if (neighbour.link == link && neighbour.address == address) return neighbour.mac;
  }
  return std::nullopt;
}

}  // namespace

bool Origins::learn(const FlowKey& key, const Origin& origin) {
  const std::lock_guard lock(mutex_);
  const auto found = flows_.find(key);
  if (found == flows_.end())
    return flows_.size() < kMostFlows && flows_.emplace(key, origin).second;
  if (!found->second.is_guessed && found->second.host != origin.host) return false;
  found->second = origin;
  return true;
}

std::optional<Origin> Origins::find(const FlowKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = flows_.find(key);
  if (found == flows_.end()) return std::nullopt;
  return found->second;
}

void Origins::forget(const std::vector<FlowKey>& keys) {
  const std::lock_guard lock(mutex_);
  for (const auto& key : keys) flows_.erase(key);
}

std::optional<Origin> guess_origin(const kernel::Netlink& host, uint32_t client,
                                   const std::vector<std::string>& links,
                                   std::optional<RelayAddress> here) {
  if (!here) here = address_towards(client);
  if (!here) return std::nullopt;
  for (const auto& address : host.addresses()) {
    if (address.prefix.address != address_of(here->address)) continue;
    for (const auto& link : host.links()) {
      const auto at = std::ranges::find(links, link.name);
      if (link.index != address.link || at == links.end()) continue;
      auto next = std::optional(address_of(client));
      if (!address.prefix.contains(*next)) next = host.find_default_gateway();
      const auto mac = next ? mac_of(host, link.index, *next) : std::nullopt;
      if (!mac) return std::nullopt;
      return Origin{*here, static_cast<size_t>(at - links.begin()), *mac, link.mac, true};
    }
  }
  return std::nullopt;
}

}  // namespace ferry::handover
