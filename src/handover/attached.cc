// SPDX-License-Identifier: Apache-2.0
#include "handover/attached.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_link.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "handover/network_barrier.h"

namespace ferry::handover {

using kernel::Link;
using kernel::Netlink;
using process::Reasons;

namespace {

constexpr const char* kOneLink =
    "give it one veth whose other end is a port of a bridge, as `ferry run --ip` does, or one "
    "macvlan";

// Every new namespace has them where such a module is loaded; nobody uses them there until they are
// up.
bool is_fallback(const Link& link) {
  constexpr std::array<std::string_view, 9> kKinds = {"ipip",   "sit",    "gre", "gretap", "erspan",
                                                      "ip6tnl", "ip6gre", "vti", "vti6"};
  return !link.up && std::ranges::find(kKinds, link.kind) != kKinds.end();
}

struct Inside {
  std::vector<Link> links;  // but for lo
  std::vector<kernel::Address> addresses;
  std::vector<kernel::Route> routes;
  std::optional<int> host;  // this host's network, by the number that the namespace has for it
};

Inside look_into(int netns) {
  const base::Fd host = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
  Inside found;
  kernel::in_network_namespace(netns, [&] {
    const Netlink inside;
    for (auto& link : inside.links()) {
      if (link.name != "lo" && !is_fallback(link)) found.links.push_back(std::move(link));
    }
    found.addresses = inside.addresses();
    found.routes = inside.routes();
    found.host = inside.number_of(host.get());
  });
  return found;
}

class LinkFinder {
 public:
  LinkFinder(const Inside& inside, const Link& link, Reasons& reasons)
      : inside_(inside), link_(link), reasons_(reasons), links_(Netlink().links()) {}

  // Empty, and a reason, when it is none that can be made again.
  Attachment find() const {
    if (link_.kind == "veth") return find_port();
    if (link_.kind == "macvlan") return find_macvlan();
    return refuse(fmt::format("its link {} is {}", link_.name,
                              link_.kind.empty() ? "hardware" : "a " + link_.kind),
                  "this version moves the address of a veth or of a macvlan only");
  }

 private:
  Attachment refuse(std::string what, std::string why, std::string remedy = kOneLink) const {
    reasons_.push_back({std::move(what), std::move(why), std::move(remedy)});
    return {};
  }

  const Link* with_index(int index) const {
    const auto found = std::ranges::find(links_, index, &Link::index);
    return index == 0 || found == links_.end() ? nullptr : &*found;
  }

  // A veth's other end, or a macvlan's parent; none: it is not in this host's network.
  const Link* other_end() const {
    return inside_.host && link_.peer_netns == inside_.host ? with_index(link_.peer) : nullptr;
  }

  Attachment find_port() const {
    const auto* end = other_end();
    if (!end || end->kind != "veth") {
      return refuse(
          fmt::format("the other end of its link {} is not in this host's network", link_.name),
          "ferry cannot shut it while it moves");
    }
    const auto* bridge = with_index(end->master);
    if (!bridge || bridge->kind != "bridge") {
      return refuse(fmt::format("{}, the other end of its link {}, is no port of a bridge",
                                end->name, link_.name),
                    "its address is not on a network segment that another host can have, too");
    }
    return {end->name, bridge->name};
  }

  Attachment find_macvlan() const {
    const auto* parent = other_end();
    if (!parent) {
      return refuse(
          fmt::format("the parent of its macvlan {} is not in this host's network", link_.name),
          "ferry cannot tell which segment it is on");
    }
    if (link_.macvlan_mode == MACVLAN_MODE_PASSTHRU) {
      return refuse(
          fmt::format("its macvlan {} has {} for itself (mode passthru)", link_.name, parent->name),
          "the target would lose that interface to it", "make it in mode bridge");
    }
    if (link_.macvlan_mode == MACVLAN_MODE_SOURCE) {
      return refuse(
          fmt::format("its macvlan {} takes only from some senders (mode source)", link_.name),
          "ferry does not carry that list", "make it in mode bridge");
    }
    if (const auto why = why_no_network_barrier(); !why.empty()) {
      return refuse(
          fmt::format("its macvlan {} cannot be shut while it moves", link_.name),
          "this kernel cannot keep packets from it (nf_tables, families inet and arp): " + why,
          "load the module nf_tables, or use a kernel that has it");
    }
    return {"", parent->name, link_.macvlan_mode};
  }

  const Inside& inside_;
  const Link& link_;
  Reasons& reasons_;
  const std::vector<Link> links_;
};

void take_addresses(const Inside& inside, const Link& link, Identity& identity, Reasons& reasons) {
  for (const auto& one : inside.addresses) {
    const auto& prefix = one.prefix;
    if (one.link != link.index || prefix.address.is_link_local()) continue;
    if (one.is_lent) {
      reasons.push_back({fmt::format("its address {} is lent to it", prefix.text()),
                         "by DHCP or by a router's announcements: the term would be lost",
                         "give it a fixed one"});
    }
    identity.addresses.push_back(prefix);
  }
  if (!identity.addresses.empty()) return;
  reasons.push_back({fmt::format("its link {} has no address", link.name),
                     "clients could not find it anew", "give it one, or take the link away"});
}

bool is_reachable(const kernel::IpAddr& gateway, const Inside& inside, const Identity& identity) {
  if (gateway.is_link_local()) return true;
  const auto over = [&](const kernel::IpPrefix& network) {
    return network.length > 0 && network.contains(gateway);
  };
  return std::ranges::any_of(identity.addresses, over) ||
         std::ranges::any_of(inside.routes,
                             [&](const auto& route) { return !route.gateway && over(route.to); });
}

void take_routes(const Inside& inside, Identity& identity, Reasons& reasons) {
  for (const auto& route : inside.routes) {
    const bool fits =
        route.is_plain && (!route.gateway || is_reachable(*route.gateway, inside, identity));
    if (!fits) {
      reasons.push_back({fmt::format("its route {} cannot go along", route.text()),
                         "ferry makes plain routes only: one way, in the main table",
                         "take that route away, or write it as a plain one"});
    }
    identity.routes.push_back(route);
  }
}

}  // namespace

Attached find_attached(int netns) {
  const Inside inside = look_into(netns);
  Attached found;
  if (inside.links.empty()) return found;
  if (inside.links.size() > 1) {
    std::string names;
    for (const auto& link : inside.links) names += (names.empty() ? "" : ", ") + link.name;
    found.reasons.push_back({fmt::format("it has {} links ({})", inside.links.size(), names),
                             "this version moves the address of one", kOneLink});
    return found;
  }
  const Link& link = inside.links.front();
  found.attachment = LinkFinder(inside, link, found.reasons).find();
  Identity identity;
  identity.mac = link.mac;
  identity.link = link.name;
  identity.mtu = link.mtu;
  take_addresses(inside, link, identity, found.reasons);
  take_routes(inside, identity, found.reasons);
  if (!link.up)
    found.reasons.push_back({fmt::format("its link {} is down", link.name), "it would be up there",
                             fmt::format("set it up, or take it away")});
  if (found.reasons.empty()) found.identity = std::move(identity);
  return found;
}

}  // namespace ferry::handover
