// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "kernel/netlink_message.h"

namespace ferry::kernel {

using base::SysError;

namespace {

constexpr uint32_t kForever = 0xffff'ffff;  // INFINITY_LIFE_TIME of the kernel's net/addrconf.h

std::optional<MacAddr> mac_in(const nlattr* attribute) {
  if (attribute == nullptr || nla_len(attribute) != 6) return std::nullopt;
  MacAddr mac;
  std::copy_n(static_cast<const uint8_t*>(nla_data(attribute)), 6, mac.bytes.begin());
  return mac;
}

uint32_t macvlan_mode_in(nlattr* data) {
  nlattr* found[IFLA_MACVLAN_MAX + 1];
  if (!data || nla_parse_nested(found, IFLA_MACVLAN_MAX, data, nullptr) != 0 || !found[IFLA_MACVLAN_MODE]) return 0;
  return nla_get_u32(found[IFLA_MACVLAN_MODE]);
}

Link link_in(nlmsghdr* head) {
  const auto [header, attributes] = parse<ifinfomsg>(head, IFLA_MAX);
  Link link;
  link.index = header->ifi_index;
  link.up = (header->ifi_flags & IFF_UP) != 0;
  if (attributes[IFLA_IFNAME]) link.name = nla_get_string(attributes[IFLA_IFNAME]);
  if (attributes[IFLA_MTU]) link.mtu = static_cast<int>(nla_get_u32(attributes[IFLA_MTU]));
  if (attributes[IFLA_MASTER]) link.master = static_cast<int>(nla_get_u32(attributes[IFLA_MASTER]));
  if (const auto mac = mac_in(attributes[IFLA_ADDRESS])) link.mac = *mac;
  if (attributes[IFLA_LINK]) link.peer = static_cast<int>(nla_get_u32(attributes[IFLA_LINK]));
  if (attributes[IFLA_LINK_NETNSID]) link.peer_netns = nla_get_s32(attributes[IFLA_LINK_NETNSID]);
  if (attributes[IFLA_LINKINFO]) {
    nlattr* info[IFLA_INFO_MAX + 1];
    if (nla_parse_nested(info, IFLA_INFO_MAX, attributes[IFLA_LINKINFO], nullptr) == 0 &&
        info[IFLA_INFO_KIND]) {
      link.kind = nla_get_string(info[IFLA_INFO_KIND]);
      if (link.kind == "macvlan") link.macvlan_mode = macvlan_mode_in(info[IFLA_INFO_DATA]);
    }
  }
  return link;
}

ifinfomsg link_header(int index = 0) {
  ifinfomsg header{};
  header.ifi_index = index;
  return header;
}

Link link_named(const Netlink& netlink, const std::string& name) {
  auto link = netlink.find_link(name);
  if (!link) throw SysError("netlink", ENODEV, name);
  return *link;
}

ifaddrmsg address_header(const IpPrefix& prefix, int index) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(prefix.address.family());
  header.ifa_prefixlen = static_cast<uint8_t>(prefix.length);
  // An IPv6 address that first has to be checked for duplicates would be unusable for a second.
  if (header.ifa_family == AF_INET6) header.ifa_flags = IFA_F_NODAD;
  header.ifa_index = static_cast<uint32_t>(index);
  return header;
}

}  // namespace

void Netlink::Closer::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Netlink::Netlink() : socket_(nl_socket_alloc()) { connect_netlink(socket_.get(), NETLINK_ROUTE); }

Netlink::~Netlink() = default;
Netlink::Netlink(Netlink&&) noexcept = default;
Netlink& Netlink::operator=(Netlink&&) noexcept = default;

std::vector<Link> Netlink::links() const {
  std::vector<Link> links;
  dump(socket_.get(), RTM_GETLINK, link_header(), "list links", [&] { links.clear(); },
       [&](nlmsghdr* head) { links.push_back(link_in(head)); });
  return links;
}

std::optional<Link> Netlink::find_link(std::string_view name) const {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;
  Message message(RTM_GETLINK, NLM_F_ACK);
  message.header(link_header()).text(IFLA_IFNAME, name);
  std::optional<Link> link;
  const int error =
      exchange(socket_.get(), message, [&](nlmsghdr* head) { link = link_in(head); }).error;
  if (error != 0 && error != ENODEV) throw SysError("netlink", error, name);
  return link;
}

std::vector<Address> Netlink::addresses() const {
  std::vector<Address> found;
  dump(socket_.get(), RTM_GETADDR, ifaddrmsg{}, "list addresses", [&] { found.clear(); },
       [&](nlmsghdr* head) {
         const auto [header, attributes] = parse<ifaddrmsg>(head, IFA_MAX);
         // On a point-to-point link IFA_ADDRESS is the other end.
         auto address = address_in(attributes[IFA_LOCAL]);
         if (!address) address = address_in(attributes[IFA_ADDRESS]);
         if (!address) return;
         Address one{static_cast<int>(header->ifa_index), {*address, header->ifa_prefixlen}, (header->ifa_flags & IFA_F_PERMANENT) == 0};
         one.flags = attributes[IFA_FLAGS] ? nla_get_u32(attributes[IFA_FLAGS]) : header->ifa_flags;
         one.scope = header->ifa_scope;
         if (attributes[IFA_LABEL]) one.label = nla_get_string(attributes[IFA_LABEL]);
         one.broadcast = address_in(attributes[IFA_BROADCAST]);
         found.push_back(std::move(one));
       });
  return found;
}

std::vector<Neighbour> Netlink::neighbours() const {
  std::vector<Neighbour> found;
  dump(socket_.get(), RTM_GETNEIGH, ndmsg{}, "list neighbours", [&] { found.clear(); },
       [&](nlmsghdr* head) {
         const auto [header, attributes] = parse<ndmsg>(head, NDA_MAX);
         if (header->ndm_state & (NUD_NOARP | NUD_INCOMPLETE | NUD_FAILED)) return;
         const auto address = address_in(attributes[NDA_DST]);
         const auto mac = mac_in(attributes[NDA_LLADDR]);
         if (address && mac) found.push_back({header->ndm_ifindex, *address, *mac});
       });
  return found;
}

std::optional<IpAddr> Netlink::find_default_gateway() const {
  std::optional<IpAddr> gateway;
  rtmsg wanted{};
  wanted.rtm_family = AF_INET;
  dump(socket_.get(), RTM_GETROUTE, wanted, "list routes", [&] { gateway.reset(); },
       [&](nlmsghdr* head) {
         const auto [header, attributes] = parse<rtmsg>(head, RTA_MAX);
         if (header->rtm_dst_len != 0 || header->rtm_table != RT_TABLE_MAIN || gateway) return;
         gateway = address_in(attributes[RTA_GATEWAY]);
       });
  return gateway;
}

void Netlink::add_bridge(const std::string& name) {
  Message message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header()).text(IFLA_IFNAME, name).nest(IFLA_LINKINFO, [](Message& info) {
    info.text(IFLA_INFO_KIND, "bridge").nest(IFLA_INFO_DATA, [](Message& data) {
      data.number(IFLA_BR_FORWARD_DELAY, uint32_t{0});
      data.number(IFLA_BR_STP_STATE, uint32_t{0});
      data.number(IFLA_BR_MCAST_SNOOPING, uint8_t{0});
    });
  });
  request(socket_.get(), message, "add bridge " + name);
}

void Netlink::add_veth(const std::string& name, const std::string& peer, int peer_netns,
                       std::optional<MacAddr> peer_mac) {
  Message message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header()).text(IFLA_IFNAME, name).nest(IFLA_LINKINFO, [&](Message& info) {
    info.text(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, [&](Message& data) {
      data.nest(VETH_INFO_PEER, [&](Message& other) {
        other.header(link_header()).text(IFLA_IFNAME, peer);
        if (peer_mac) other.put(IFLA_ADDRESS, peer_mac->bytes.data(), peer_mac->bytes.size());
        other.number(IFLA_NET_NS_FD, static_cast<uint32_t>(peer_netns));
      });
    });
  });
  request(socket_.get(), message, "add veth " + name);
}

void Netlink::add_macvlan(const std::string& name, const std::string& parent, uint32_t mode, int netns, const MacAddr& mac) {
  Message message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(link_header()).text(IFLA_IFNAME, name).number(IFLA_NET_NS_FD, static_cast<uint32_t>(netns));
  message.number(IFLA_LINK, static_cast<uint32_t>(link_named(*this, parent).index));
  message.put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size()).nest(IFLA_LINKINFO, [&](Message& info) {
    info.text(IFLA_INFO_KIND, "macvlan").nest(IFLA_INFO_DATA, [&](Message& data) { data.number(IFLA_MACVLAN_MODE, mode); });
  });
  request(socket_.get(), message, "add the macvlan " + name + " on " + parent);
}

void Netlink::delete_link(const std::string& name) {
  Message message(RTM_DELLINK, NLM_F_ACK);
  message.header(link_header()).text(IFLA_IFNAME, name);
  const int error = exchange(socket_.get(), message).error;
  if (error != 0 && error != ENODEV) throw SysError("netlink", error, "delete link " + name);
}

void Netlink::set_up(const std::string& name, bool up) {
  ifinfomsg header = link_header();
  header.ifi_change = IFF_UP;
  header.ifi_flags = up ? IFF_UP : 0;
  Message message(RTM_NEWLINK, NLM_F_ACK);
  message.header(header).text(IFLA_IFNAME, name);
  request(socket_.get(), message, (up ? "set up " : "set down ") + name);
}

void Netlink::set_mac(const std::string& name, const MacAddr& mac) {
  Message message(RTM_NEWLINK, NLM_F_ACK);
  message.header(link_header()).text(IFLA_IFNAME, name);
  message.put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size());
  request(socket_.get(), message, "set the MAC of " + name);
}

void Netlink::set_master(const std::string& name, const std::string& bridge) {
  const int index = bridge.empty() ? 0 : link_named(*this, bridge).index;
  Message message(RTM_NEWLINK, NLM_F_ACK);
  message.header(link_header()).text(IFLA_IFNAME, name);
  message.number(IFLA_MASTER, static_cast<uint32_t>(index));
  request(socket_.get(), message, name + " to bridge " + bridge);
}

void Netlink::add_address(const std::string& name, const IpPrefix& prefix) {
  Message message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(address_header(prefix, link_named(*this, name).index));
  message.put(IFA_LOCAL, prefix.address.bytes.data(), prefix.address.size);
  message.put(IFA_ADDRESS, prefix.address.bytes.data(), prefix.address.size);
  if (prefix.address.family() == AF_INET && prefix.length < 31) {
    IpAddr broadcast = prefix.address;
    for (int bit = prefix.length; bit < 32; ++bit) broadcast.bytes[static_cast<size_t>(bit / 8)] |= 0x80 >> (bit % 8);
    message.put(IFA_BROADCAST, broadcast.bytes.data(), broadcast.size);
  }
  request(socket_.get(), message, "add " + prefix.text() + " to " + name);
}

void Netlink::delete_address(const std::string& name, const IpPrefix& prefix) {
  Message message(RTM_DELADDR, NLM_F_ACK);
  message.header(address_header(prefix, link_named(*this, name).index));
  message.put(IFA_LOCAL, prefix.address.bytes.data(), prefix.address.size);
  request(socket_.get(), message, "delete " + prefix.text() + " from " + name);
}

bool Netlink::try_add(const std::string& name, const Address& address) {
  auto header = address_header(address.prefix, link_named(*this, name).index);
  header.ifa_scope = address.scope;
  Message message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(header);
  message.put(IFA_LOCAL, address.prefix.address.bytes.data(), address.prefix.address.size);
  message.put(IFA_ADDRESS, address.prefix.address.bytes.data(), address.prefix.address.size);
  if (!address.label.empty()) message.text(IFA_LABEL, address.label);
  if (address.broadcast) message.put(IFA_BROADCAST, address.broadcast->bytes.data(), address.broadcast->size);
  message.number(IFA_FLAGS, header.ifa_flags | (address.flags & IFA_F_NOPREFIXROUTE));  // instead of the header's
  if ((address.flags & IFA_F_DEPRECATED) != 0) {
    const ifa_cacheinfo never_preferred{.ifa_prefered = 0, .ifa_valid = kForever};
    message.put(IFA_CACHEINFO, &never_preferred, sizeof never_preferred);
  }
  const int error = exchange(socket_.get(), message).error;
  if (error != 0 && error != EEXIST) throw SysError("netlink", error, "add " + address.prefix.text() + " to " + name);
  return error == 0;
}

bool Netlink::try_delete(const std::string& name, const Address& address) {
  const auto link = find_link(name);
  if (!link) return false;
  Message message(RTM_DELADDR, NLM_F_ACK);
  message.header(address_header(address.prefix, link->index));
  message.put(IFA_LOCAL, address.prefix.address.bytes.data(), address.prefix.address.size);
  const int error = exchange(socket_.get(), message).error;
  if (error != 0 && error != EADDRNOTAVAIL) throw SysError("netlink", error, "delete " + address.prefix.text() + " from " + name);
  return error == 0;
}

void Netlink::add_default_route(const IpAddr& gateway, const std::string& link) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(gateway.family());
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  Message message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(header).put(RTA_GATEWAY, gateway.bytes.data(), gateway.size);
  if (!link.empty()) message.number(RTA_OIF, static_cast<uint32_t>(link_named(*this, link).index));
  request(socket_.get(), message, "add default route by " + gateway.text());
}

namespace {

// As stale; its errno.
int enter_neighbour(nl_sock* socket, int link, const IpAddr& address, const MacAddr& mac, int flags) {
  ndmsg header{};
  header.ndm_family = static_cast<uint8_t>(address.family());
  header.ndm_ifindex = link;
  header.ndm_state = NUD_STALE;
  Message message(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | flags);
  message.header(header).put(NDA_DST, address.bytes.data(), address.size);
  message.put(NDA_LLADDR, mac.bytes.data(), mac.bytes.size());
  return exchange(socket, message).error;
}

}  // namespace

void Netlink::replace_neighbour(const std::string& link, const IpAddr& address, const MacAddr& mac) {
  const int error = enter_neighbour(socket_.get(), link_named(*this, link).index, address, mac, NLM_F_REPLACE);
  if (error != 0) throw SysError("netlink", error, "neighbour " + address.text() + " on " + link);
}

void Netlink::add_neighbour_if_unknown(const std::string& link, const IpAddr& address, const MacAddr& mac) {
  const int error = enter_neighbour(socket_.get(), link_named(*this, link).index, address, mac, NLM_F_EXCL);
  if (error != 0 && error != EEXIST) throw SysError("netlink", error, "neighbour " + address.text() + " on " + link);
}

void Netlink::limit_rate(const std::string& name, uint64_t bytes_per_second) {
  // The burst covers late timers: 4 ms worth of data; but at least one large frame's worth of packets, and
  // little enough that a slow link does not start with a second for free. The queue holds 50 ms.
  const auto burst = static_cast<uint32_t>(std::clamp<uint64_t>(bytes_per_second / 250, 16 << 10, 2 << 20));
  tc_tbf_qopt options{};
  options.rate.rate = static_cast<uint32_t>(std::min<uint64_t>(bytes_per_second, UINT32_MAX));
  options.rate.linklayer = TC_LINKLAYER_ETHERNET;  // or the kernel wants a table of rates
  options.limit = static_cast<uint32_t>(
      std::min<uint64_t>(std::max<uint64_t>(bytes_per_second / 20, 64 << 10) + burst, UINT32_MAX));
  tcmsg header{};
  header.tcm_ifindex = link_named(*this, name).index;
  header.tcm_parent = TC_H_ROOT;
  Message message(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  message.header(header).text(TCA_KIND, "tbf").nest(TCA_OPTIONS, [&](Message& nested) {
    nested.put(TCA_TBF_PARMS, &options, sizeof options).number(TCA_TBF_BURST, burst);
    if (bytes_per_second > UINT32_MAX) nested.number(TCA_TBF_RATE64, bytes_per_second);
  });
  request(socket_.get(), message, "limit the rate of " + name);
}

}  // namespace ferry::kernel
