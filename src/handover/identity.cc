// SPDX-License-Identifier: Apache-2.0
#include "handover/identity.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "handover/announcement.h"
#include "kernel/ip_settings.h"

namespace ferry::handover {

using base::SysError;
using kernel::Netlink;

// Links have at most 15 characters; a name may have 64. FNV-1a of the name keeps it recognisable by `ferry ps`.
std::string host_link_of(const std::string& workload) {
  uint32_t hash = 2166136261u;
  for (const unsigned char c : workload) hash = (hash ^ c) * 16777619u;
  return fmt::format("fy-{:08x}", hash);
}

Attachment attachment_of(const std::string& workload, const Identity& identity) {
  return {host_link_of(workload), find_bridge(Netlink(), identity)};
}

namespace {

// Ways that go by no gateway first: others may lead over them.
void add_routes(Netlink& inside, const Identity& identity) {
  for (const bool by_gateway : {false, true}) {
    for (const auto& route : identity.routes) {
      if (route.gateway.has_value() == by_gateway) inside.add_route(route, identity.link);
    }
  }
  for (const auto& gateway : identity.gateways) inside.add_default_route(gateway, identity.link);
}

template <typename List>
std::string joined(const List& list) {
  std::string text;
  for (const auto& one : list) text += (text.empty() ? "" : ",") + one.text();
  return text;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream list(text);
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

[[noreturn]] void usage(std::string what, std::string why) {
  throw base::Error({std::move(what), std::move(why), "", {}, {}}, base::Exit::kUsage);
}

}  // namespace

std::string Identity::addresses_text() const { return joined(addresses); }
std::string Identity::gateways_text() const { return joined(gateways); }

const kernel::IpPrefix& ipv4_of(const Identity& identity) {
  for (const auto& one : identity.addresses) {
    if (one.address.family() == AF_INET) return one;
  }
  throw base::Error({fmt::format("{} has no address of IPv4", identity.addresses_text()), "", "", {}, {}});
}

Identity parse_identity(const std::string& addresses, const kernel::MacAddr& mac, const std::string& gateways) {
  Identity identity{{}, mac, {}};
  for (const auto& word : split(addresses)) {
    identity.addresses.push_back(kernel::IpPrefix::parse(word));
    if (identity.addresses.back().address.is_link_local()) {
      usage(fmt::format("{} cannot be a workload's address", word), "it is link-local; each workload has one of its own by its MAC");
    }
  }
  if (identity.addresses.empty()) usage("a workload's address is missing", "");
  for (const auto& word : split(gateways)) {
    const auto gateway = kernel::IpAddr::parse(word);
    for (const auto& other : identity.gateways) {
      if (other.size == gateway.size) usage(fmt::format("{} cannot be a gateway besides {}", word, other.text()), "both are of one family");
    }
    identity.gateways.push_back(gateway);
  }
  return identity;
}

std::string find_bridge(const Netlink& host, const Identity& identity) {
  const auto links = host.links();
  const auto known = host.addresses();
  for (const auto& wanted : identity.addresses) {
    for (const auto& candidate : known) {
      if (!candidate.prefix.contains(wanted.address)) continue;
      for (const auto& link : links) {
        if (link.index == candidate.link && link.kind == "bridge") return link.name;
      }
    }
  }
  base::refuse(fmt::format("cannot give a workload the address {}", identity.addresses_text()),
               "no bridge of this host has an address in that network",
               "make the host's interface a port of a bridge (as for virtual machines) and give the bridge the "
               "host's address");
}

// Its link-local address is nobody's to check, but the kernel finds that out in a work of its own, a moment later.
void wait_until_usable(Netlink& inside) {
  constexpr base::milliseconds kMost{500}, kPoll{1};
  const auto is_tentative = [](const kernel::Address& one) { return (one.flags & IFA_F_TENTATIVE) != 0; };
  for (const auto until = base::mono_now() + kMost; base::mono_now() < until; std::this_thread::sleep_for(kPoll)) {
    if (std::ranges::none_of(inside.addresses(), is_tentative)) return;
  }
}

void set_up_inside(int netns, const Identity& identity) {
  kernel::in_network_namespace(netns, [&] {
    Netlink inside;
    kernel::make_ipv6_static(identity.link);
    inside.set_up("lo", true);
    if (identity.mtu > 0) inside.set_mtu(identity.link, identity.mtu);
    for (const auto& address : identity.addresses) inside.add_address(identity.link, address);
    inside.set_up(identity.link, true);
    add_routes(inside, identity);
    wait_until_usable(inside);
  });
}

Port Port::create(int netns, const Attachment& attachment, const Identity& identity) {
  Netlink host;
  Port port(attachment);
  host.delete_link(port.link_);
  host.add_veth(port.link_, identity.link, netns, identity.mac);
  if (identity.mtu > ETH_DATA_LEN) host.set_mtu(port.link_, identity.mtu);  // not less: its bridge would follow it
  host.set_mac(port.link_, kernel::MacAddr::random_high());  // else it might become the bridge's own
  kernel::disable_ipv6(port.link_);                          // nobody is to speak to this host by it
  host.set_up(port.link_, true);
  set_up_inside(netns, identity);
  return port;
}

void Port::open() { Netlink().set_master(link_, bridge_); }

// A bridge has the MAC of one of its ports, unless somebody has given it another: off the bridge, that port would take what the
// workload's kernel says to it as gateway for its own, and this host would route it.
void Port::shut() {
  kernel::stop_routing_from(link_);
  Netlink().set_master(link_, "");
}

std::vector<KnownNeighbour> neighbours_in(int netns) {
  std::vector<KnownNeighbour> known;
  kernel::in_network_namespace(netns, [&] {
    for (const auto& one : Netlink().neighbours()) known.push_back({one.address, one.mac});
  });
  return known;
}

void put_neighbours(int netns, const std::string& link, const std::vector<KnownNeighbour>& neighbours) {
  kernel::in_network_namespace(netns, [&] {
    Netlink inside;
    for (const auto& one : neighbours) inside.replace_neighbour(link, one.address, one.mac);
  });
}

void add_unknown_neighbours(const std::string& link, const std::vector<KnownNeighbour>& neighbours) {
  Netlink host;
  for (const auto& one : neighbours) host.add_neighbour_if_unknown(link, one.address, one.mac);
}

Announcer::Announcer(int netns, const Identity& identity) : identity_(identity) {
  kernel::in_network_namespace(netns, [this] {
    link_index_ = static_cast<int>(::if_nametoindex(identity_.link.c_str()));
    socket_ = base::Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!socket_) throw SysError("socket", errno, "AF_PACKET");
  });
}

void Announcer::announce() const {
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_ifindex = link_index_;
  where.sll_halen = ETH_ALEN;
  for (const auto& frame : announcements(identity_)) {
    if (::sendto(socket_.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&where), sizeof where) < 0) {
      throw SysError("sendto", errno, "announcing " + identity_.addresses_text());
    }
  }
}

}  // namespace ferry::handover
