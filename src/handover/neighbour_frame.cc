// SPDX-License-Identifier: Apache-2.0
#include "handover/neighbour_frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>

#include <cstddef>
#include <cstring>

#include "handover/internet_checksum.h"

namespace ferry::handover {
namespace {

constexpr uint8_t kOverride = 0x20;  // of an advertisement: what was known before is wrong
constexpr uint8_t kNotRouted = 255;  // the hop limit that nothing from beyond a router can have
constexpr in6_addr kAllNodes{{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

// A neighbour solicitation and an advertisement have one layout: ICMPv6 header with 32 bits of flags, the target.
struct [[gnu::packed]] Discovery {
  ether_header ethernet;
  ip6_hdr ip;
  icmp6_hdr icmp;
  in6_addr target;
};
static_assert(sizeof(Discovery) == 78);

struct [[gnu::packed]] LinkAddress {
  nd_opt_hdr option;
  uint8_t mac[ETH_ALEN];
};

// RFC 4443, 2.3: over a pseudo header of addresses, length and protocol, and the message.
uint16_t checksum_of(const std::string& frame) {
  const size_t message = sizeof(ether_header) + sizeof(ip6_hdr);
  const size_t addresses = sizeof(ether_header) + offsetof(ip6_hdr, ip6_src);
  InternetChecksum sum(frame.size() - message + IPPROTO_ICMPV6);
  sum.add(frame.data() + addresses, frame.size() - addresses);
  return sum.value();
}

// RFC 2464, 7: the group's last four bytes are in the MAC.
void set_group_mac(Discovery& frame) {
  frame.ethernet.ether_dhost[0] = frame.ethernet.ether_dhost[1] = 0x33;
  std::memcpy(frame.ethernet.ether_dhost + 2, frame.ip.ip6_dst.s6_addr + 12, 4);
}

Discovery discovery(uint8_t type, const kernel::MacAddr& from, const in6_addr& to, const kernel::IpAddr& target, size_t options) {
  Discovery frame{};
  std::memcpy(frame.ethernet.ether_shost, from.bytes.data(), ETH_ALEN);
  frame.ethernet.ether_type = htons(ETHERTYPE_IPV6);
  frame.ip.ip6_vfc = 6 << 4;
  frame.ip.ip6_plen = htons(static_cast<uint16_t>(sizeof frame.icmp + sizeof frame.target + options));
  frame.ip.ip6_nxt = IPPROTO_ICMPV6;
  frame.ip.ip6_hlim = kNotRouted;
  frame.ip.ip6_dst = to;
  set_group_mac(frame);
  frame.icmp.icmp6_type = type;
  std::memcpy(&frame.target, target.bytes.data(), sizeof frame.target);
  return frame;
}

std::string finished(const Discovery& frame, const void* options, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(&frame), sizeof frame);
  bytes.append(static_cast<const char*>(options), size);
  const uint16_t checksum = checksum_of(bytes);
  std::memcpy(bytes.data() + offsetof(Discovery, icmp) + offsetof(icmp6_hdr, icmp6_cksum), &checksum, sizeof checksum);
  return bytes;
}

}  // namespace

std::string neighbour_advertisement(const kernel::MacAddr& mac, const kernel::IpAddr& address) {
  LinkAddress ours{{ND_OPT_TARGET_LINKADDR, 1}, {}};
  std::memcpy(ours.mac, mac.bytes.data(), ETH_ALEN);
  auto frame = discovery(ND_NEIGHBOR_ADVERT, mac, kAllNodes, address, sizeof ours);
  frame.ip.ip6_src = frame.target;
  frame.icmp.icmp6_data8[0] = kOverride;
  return finished(frame, &ours, sizeof ours);
}

std::string neighbour_probe(const kernel::MacAddr& asker, const kernel::IpAddr& address) {
  // The solicited-node group of the address: ff02::1:ffXX:XXXX (RFC 4291, 2.7.1).
  in6_addr group{{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}}};
  std::memcpy(group.s6_addr + 13, address.bytes.data() + 13, 3);
  return finished(discovery(ND_NEIGHBOR_SOLICIT, asker, group, address, 0), nullptr, 0);
}

std::optional<kernel::MacAddr> advertised_owner(Frame bytes, const kernel::IpAddr& address) {
  Discovery frame{};
  if (bytes.size() < sizeof frame) return std::nullopt;
  std::memcpy(&frame, bytes.data(), sizeof frame);
  if (frame.ethernet.ether_type != htons(ETHERTYPE_IPV6) || frame.ip.ip6_nxt != IPPROTO_ICMPV6) return std::nullopt;
  if (frame.ip.ip6_hlim != kNotRouted || std::memcmp(&frame.target, address.bytes.data(), sizeof frame.target) != 0) return std::nullopt;
  constexpr in6_addr kNobody{};
  const bool takes_it = frame.icmp.icmp6_type == ND_NEIGHBOR_SOLICIT && std::memcmp(&frame.ip.ip6_src, &kNobody, sizeof kNobody) == 0;
  if (frame.icmp.icmp6_type != ND_NEIGHBOR_ADVERT && !takes_it) return std::nullopt;
  return sender_of(bytes);
}

}  // namespace ferry::handover
