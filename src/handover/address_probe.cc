// SPDX-License-Identifier: Apache-2.0
#include "handover/address_probe.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::handover {

using base::SysError;

namespace {

// When the workload itself has answered, another who has its address would have by now: the kernel answers, no program.
constexpr std::chrono::milliseconds kAfterItsOwn{50};

struct [[gnu::packed]] ArpFrame {
  ether_header ethernet;
  ether_arp arp;
};

ArpFrame question_for(const kernel::IpAddr& address, const kernel::MacAddr& ours) {
  ArpFrame frame{};
  std::memset(frame.ethernet.ether_dhost, 0xff, ETH_ALEN);
  std::memcpy(frame.ethernet.ether_shost, ours.bytes.data(), ETH_ALEN);
  frame.ethernet.ether_type = htons(ETHERTYPE_ARP);
  frame.arp.ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
  frame.arp.ea_hdr.ar_pro = htons(ETHERTYPE_IP);
  frame.arp.ea_hdr.ar_hln = ETH_ALEN;
  frame.arp.ea_hdr.ar_pln = 4;
  frame.arp.ea_hdr.ar_op = htons(ARPOP_REQUEST);
  std::memcpy(frame.arp.arp_sha, ours.bytes.data(), ETH_ALEN);
  std::memcpy(frame.arp.arp_tpa, address.bytes.data(), 4);  // the sender's address stays 0.0.0.0
  return frame;
}

// Whoever says that the address is its own, in an answer or in a question of its own.
std::optional<kernel::MacAddr> claimant(const ArpFrame& frame, const kernel::IpAddr& address) {
  if (frame.ethernet.ether_type != htons(ETHERTYPE_ARP)) return std::nullopt;
  if (std::memcmp(frame.arp.arp_spa, address.bytes.data(), 4) != 0) return std::nullopt;
  kernel::MacAddr mac;
  std::memcpy(mac.bytes.data(), frame.arp.arp_sha, ETH_ALEN);
  return mac;
}

}  // namespace

std::optional<kernel::MacAddr> find_other_owner(const std::string& link, const Identity& identity,
                                                std::chrono::milliseconds limit) {
  const auto& address = identity.address.address;
  if (address.family() != AF_INET) return std::nullopt;  // IPv6 looks for duplicates itself when the address is set
  const auto ours = kernel::Netlink().find_link(link);
  const base::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket || !ours) throw SysError("socket", errno, "AF_PACKET on " + link);
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ARP);
  where.sll_ifindex = ours->index;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) < 0) throw SysError("bind", errno, link);
  const ArpFrame question = question_for(address, ours->mac);
  if (::send(socket.get(), &question, sizeof question, 0) < 0) throw SysError("send", errno, "ARP on " + link);

  auto deadline = base::mono_now() + limit;
  while (base::wait_readable(socket.get(), base::ms_until(deadline))) {
    ArpFrame answer{};
    if (::recv(socket.get(), &answer, sizeof answer, 0) < static_cast<ssize_t>(sizeof answer)) continue;
    const auto mac = claimant(answer, address);
    if (mac && *mac != identity.mac) return mac;
    if (mac) deadline = std::min(deadline, base::mono_now() + kAfterItsOwn);
    if (base::ms_until(deadline) == 0) break;  // a busy segment must not keep us
  }
  return std::nullopt;
}

}  // namespace ferry::handover
