// SPDX-License-Identifier: Apache-2.0
#include "handover/host_address.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>

#include "handover/announcement.h"
#include "handover/link_socket.h"

namespace ferry::handover {

using kernel::Address;
using kernel::Netlink;

namespace {

std::optional<kernel::Link> link_of(const Netlink& host, int index) {
  for (auto& link : host.links()) {
    if (link.index == index) return std::move(link);
  }
  return std::nullopt;
}

bool is_network(const kernel::IpPrefix& prefix) { return prefix.length < prefix.address.size * 8; }

bool is_of_same_network(const Address& one, const Address& other) {
  return one.prefix.length == other.prefix.length && one.prefix.contains(other.prefix.address);
}

}  // namespace

std::optional<HostAddress> find_host_address(const kernel::IpAddr& address) {
  const Netlink host;
  for (auto& entry : host.addresses()) {
    if (entry.prefix.address != address) continue;
    if (const auto link = link_of(host, entry.link))
      return HostAddress{link->name, link->mac, std::move(entry)};
  }
  return std::nullopt;
}

std::optional<HostAddress> place_for(const kernel::IpPrefix& prefix, const std::string& preferred) {
  const Netlink host;
  std::optional<HostAddress> place;
  for (const auto& own : host.addresses()) {
    if (!own.prefix.contains(prefix.address) || !is_network(own.prefix)) continue;
    const auto link = link_of(host, own.link);
    if (!link || !link->up || link->name == "lo") continue;
    if (place && link->name != preferred) continue;
    place = HostAddress{link->name, link->mac, {link->index, prefix}};
    if (link->name == preferred) break;
  }
  return place;
}

process::Reasons reasons_to_stay(const HostAddress& here) {
  process::Reasons reasons;
  const Netlink host;
  const auto refuse = [&](std::string why, std::string remedy) {
    reasons.push_back({fmt::format("the address {} on {} cannot move", here.text(), here.link),
                       std::move(why), std::move(remedy)});
  };
  const auto& entry = here.entry;
  if (entry.is_lent)
    refuse("it is lent to this host for a time (DHCP): the term would be lost",
           "give the service a fixed address");
  if ((entry.flags & IFA_F_TENTATIVE) != 0)
    refuse("it is not in use (tentative: another host may have it)",
           "`ip addr` shows it; give the service another one");
  const auto others = host.addresses();
  const bool is_second = std::ranges::any_of(others, [&](const Address& other) {
    return other.link == entry.link && other.prefix != entry.prefix && is_network(other.prefix) &&
           other.prefix.contains(entry.prefix.address);
  });
  if (!is_second) {
    refuse(fmt::format("it is the only one that this host has in its network: the host itself "
                       "would leave that network"),
           "add an address for the service beside the host's own: ip addr add ADDRESS/LENGTH dev " +
               here.link);
  }
  // The kernel takes secondary addresses of IPv4 away with the first of their network, unless
  // promote_secondaries is set.
  const bool has_dependents =
      here.address().family() == AF_INET && (entry.flags & IFA_F_SECONDARY) == 0 &&
      std::ranges::any_of(others, [&](const Address& other) {
        return other.link == entry.link && other.prefix != entry.prefix &&
               (other.flags & IFA_F_SECONDARY) != 0 && is_of_same_network(entry, other);
      });
  if (is_second && has_dependents) {
    refuse("it is this host's first address in its network, which others depend on",
           "move a second address: ip addr add ADDRESS/LENGTH dev " + here.link);
  }
  if (host.has_route_from(here.address())) {
    refuse("a route of this host names it as the address to send from, and would go with it",
           "take `src` out of that route (`ip route`)");
  }
  return reasons;
}

void put_on(const HostAddress& here) { (void)Netlink().try_add(here.link, here.entry); }
void take_off(const HostAddress& here) { (void)Netlink().try_delete(here.link, here.entry); }

Identity claim_of(const HostAddress& here) {
  Identity claim;
  claim.addresses = {here.entry.prefix};
  claim.mac = here.mac;
  claim.link = here.link;
  return claim;
}

void announce(const HostAddress& here) {
  const LinkSocket segment(here.link);
  for (const auto& frame : announcements(claim_of(here)))
    segment.send(std::as_bytes(std::span(frame)));
}

}  // namespace ferry::handover
