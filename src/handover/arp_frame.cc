// SPDX-License-Identifier: Apache-2.0
#include "handover/arp_frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>

#include <cstring>

namespace ferry::handover {
namespace {

struct [[gnu::packed]] ArpFrame {
  ether_header ethernet;
  ether_arp arp;
};

// To all, and the question who has `target`.
std::string arp_question(const kernel::MacAddr& mac, const kernel::IpAddr& sender, const kernel::IpAddr& target) {
  ArpFrame frame{};
  std::memset(frame.ethernet.ether_dhost, 0xff, ETH_ALEN);
  std::memcpy(frame.ethernet.ether_shost, mac.bytes.data(), ETH_ALEN);
  frame.ethernet.ether_type = htons(ETHERTYPE_ARP);
  frame.arp.ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
  frame.arp.ea_hdr.ar_pro = htons(ETHERTYPE_IP);
  frame.arp.ea_hdr.ar_hln = ETH_ALEN;
  frame.arp.ea_hdr.ar_pln = 4;
  frame.arp.ea_hdr.ar_op = htons(ARPOP_REQUEST);
  std::memcpy(frame.arp.arp_sha, mac.bytes.data(), ETH_ALEN);
  std::memcpy(frame.arp.arp_spa, sender.bytes.data(), 4);
  std::memcpy(frame.arp.arp_tpa, target.bytes.data(), 4);
  return {reinterpret_cast<const char*>(&frame), sizeof frame};
}

}  // namespace

std::string arp_announcement(const kernel::MacAddr& mac, const kernel::IpAddr& address) { return arp_question(mac, address, address); }
std::string arp_probe(const kernel::MacAddr& asker, const kernel::IpAddr& address) { return arp_question(asker, {}, address); }

std::optional<kernel::MacAddr> arp_owner(Frame bytes, const kernel::IpAddr& address) {
  ArpFrame frame{};
  if (bytes.size() < sizeof frame) return std::nullopt;
  std::memcpy(&frame, bytes.data(), sizeof frame);
  if (frame.ethernet.ether_type != htons(ETHERTYPE_ARP)) return std::nullopt;
  if (std::memcmp(frame.arp.arp_spa, address.bytes.data(), 4) != 0) return std::nullopt;
  kernel::MacAddr mac;
  std::memcpy(mac.bytes.data(), frame.arp.arp_sha, ETH_ALEN);
  return mac;
}

}  // namespace ferry::handover
