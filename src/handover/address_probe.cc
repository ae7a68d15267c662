// SPDX-License-Identifier: Apache-2.0
#include "handover/address_probe.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "handover/arp_frame.h"
#include "handover/neighbour_frame.h"

namespace ferry::handover {

using base::SysError;

namespace {

// When the workload itself has answered, another who has its address would have by now: the kernel answers, no program.
constexpr std::chrono::milliseconds kAfterItsOwn{50};
// A question may be lost, or come before the other's link is ready for it (RFC 5227 asks three times).
constexpr std::chrono::milliseconds kAskAgain{50};

base::Fd open_socket(const std::string& link, int index, uint16_t protocol) {
  base::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket) throw SysError("socket", errno, "AF_PACKET");
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(protocol);
  where.sll_ifindex = index;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) < 0) throw SysError("bind", errno, link);
  return socket;
}

struct Owner {
  std::optional<kernel::MacAddr> other;
  bool itself = false;
};

Owner find_owner(const kernel::Link& link, const kernel::IpAddr& address, const kernel::MacAddr& own, std::chrono::milliseconds limit) {
  Owner found;
  const bool ipv6 = address.family() == AF_INET6;
  const base::Fd socket = open_socket(link.name, link.index, ipv6 ? ETH_P_IPV6 : ETH_P_ARP);
  const std::string question = ipv6 ? neighbour_probe(link.mac, address) : arp_probe(link.mac, address);
  auto deadline = base::mono_now() + limit;
  auto ask_at = base::mono_now();
  std::array<std::byte, 128> answer;  // a longer frame is none, or its end does not matter
  while (base::ms_until(deadline) > 0) {
    if (base::ms_until(ask_at) == 0) {
      if (::send(socket.get(), question.data(), question.size(), 0) < 0) throw SysError("send", errno, "a question on " + link.name);
      ask_at = base::mono_now() + kAskAgain;
    }
    if (!base::wait_readable(socket.get(), base::ms_until(std::min(deadline, ask_at)))) continue;
    const ssize_t got = ::recv(socket.get(), answer.data(), answer.size(), 0);
    if (got < 0) throw SysError("recv", errno, link.name);
    const Frame frame(answer.data(), static_cast<size_t>(got));
    const auto mac = ipv6 ? advertised_owner(frame, address) : arp_owner(frame, address);
    const bool is_question = mac == link.mac;  // ours, seen on its way out
    if (!mac || is_question) continue;
    if (*mac != own) {
      found.other = mac;
      return found;
    }
    found.itself = true;
    deadline = std::min(deadline, base::mono_now() + kAfterItsOwn);
  }
  return found;
}

}  // namespace

Owners find_owners(const std::string& link, const Identity& identity, std::chrono::milliseconds limit) {
  const auto found = kernel::Netlink().find_link(link);
  if (!found) throw SysError("netlink", ENODEV, link);
  Owners owners;
  for (const auto& [address, length] : identity.addresses) {
    const auto owner = find_owner(*found, address, identity.mac, limit);
    if (owner.other) owners.others.push_back({address, *owner.other});
    owners.itself = owners.itself || owner.itself;
  }
  return owners;
}

}  // namespace ferry::handover
