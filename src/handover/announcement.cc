// SPDX-License-Identifier: Apache-2.0
#include "handover/announcement.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>

#include <cstddef>
#include <cstring>

namespace ferry::handover {

namespace {

constexpr kernel::MacAddr kAll{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr kernel::MacAddr kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};
constexpr uint8_t kOverride = 0x20;  // of an advertisement: what was known before is wrong

ether_header ethernet_header(const kernel::MacAddr& to, const kernel::MacAddr& from, uint16_t type) {
  ether_header header{};
  std::memcpy(header.ether_dhost, to.bytes.data(), ETH_ALEN);
  std::memcpy(header.ether_shost, from.bytes.data(), ETH_ALEN);
  header.ether_type = htons(type);
  return header;
}

template <typename Content>
std::string frame_of(const ether_header& header, const Content& content) {
  std::string frame(sizeof header + sizeof content, '\0');
  std::memcpy(frame.data(), &header, sizeof header);
  std::memcpy(frame.data() + sizeof header, &content, sizeof content);
  return frame;
}

std::string gratuitous_arp(const Identity& identity) {
  ether_arp arp{};
  arp.arp_hrd = htons(ARPHRD_ETHER);
  arp.arp_pro = htons(ETHERTYPE_IP);
  arp.arp_hln = ETH_ALEN;
  arp.arp_pln = 4;
  arp.arp_op = htons(ARPOP_REQUEST);
  std::memcpy(arp.arp_sha, identity.mac.bytes.data(), ETH_ALEN);
  std::memcpy(arp.arp_spa, identity.address.address.bytes.data(), 4);
  std::memcpy(arp.arp_tpa, identity.address.address.bytes.data(), 4);
  return frame_of(ethernet_header(kAll, identity.mac, ETHERTYPE_ARP), arp);
}

struct [[gnu::packed]] Advertisement {
  ip6_hdr ip;
  nd_neighbor_advert advert;
  nd_opt_hdr option;
  uint8_t mac[ETH_ALEN];
};
static_assert(sizeof(Advertisement) == 72);

// RFC 4443, 2.3: over a pseudo header of addresses, length and protocol, and the message.
uint16_t checksum_of(const Advertisement& packet) {
  uint32_t sum = sizeof packet - sizeof packet.ip + IPPROTO_ICMPV6;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&packet);
  for (size_t at = offsetof(ip6_hdr, ip6_src); at < sizeof packet; at += 2) sum += uint32_t{bytes[at]} << 8 | bytes[at + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<uint16_t>(~sum));
}

std::string unsolicited_advertisement(const Identity& identity) {
  Advertisement packet{};
  packet.ip.ip6_vfc = 6 << 4;
  packet.ip.ip6_plen = htons(sizeof packet - sizeof packet.ip);
  packet.ip.ip6_nxt = IPPROTO_ICMPV6;
  packet.ip.ip6_hlim = 255;
  std::memcpy(&packet.ip.ip6_src, identity.address.address.bytes.data(), 16);
  packet.ip.ip6_dst = in6_addr{{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};
  packet.advert.nd_na_hdr.icmp6_type = ND_NEIGHBOR_ADVERT;
  packet.advert.nd_na_hdr.icmp6_dataun.icmp6_un_data8[0] = kOverride;
  packet.advert.nd_na_target = packet.ip.ip6_src;
  packet.option = {ND_OPT_TARGET_LINKADDR, 1};
  std::memcpy(packet.mac, identity.mac.bytes.data(), ETH_ALEN);
  packet.advert.nd_na_hdr.icmp6_cksum = checksum_of(packet);
  return frame_of(ethernet_header(kAllNodesMac, identity.mac, ETHERTYPE_IPV6), packet);
}

}  // namespace

std::string announcement(const Identity& identity) {
  const bool ipv6 = identity.address.address.family() == AF_INET6;
  return ipv6 ? unsolicited_advertisement(identity) : gratuitous_arp(identity);
}

}  // namespace ferry::handover
