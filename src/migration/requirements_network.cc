// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "capsule/record.h"
#include "handover/address_probe.h"
#include "handover/network_barrier.h"
#include "migration/network_place.h"
#include "migration/plan.h"
#include "migration/requirement_kinds.h"
#include "migration/requirements.h"
#include "runtime/launch.h"

namespace ferry::migration {

using process::Reasons;

namespace {

constexpr base::milliseconds kProbeLimit{200};  // an answer on a local segment takes 1 ms, with a sleepy host 50

// Whether the kernel would let it listen there is best asked of the kernel.
int try_to_bind(const wire::NeededPort& port, bool address_comes) {
  sockaddr_storage address{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
  const bool is_v6 = port.address().find(':') != std::string::npos;
  address.ss_family = is_v6 ? AF_INET6 : AF_INET;
  (is_v6 ? v6->sin6_port : v4->sin_port) = htons(static_cast<uint16_t>(port.port()));
  void* place = is_v6 ? static_cast<void*>(&v6->sin6_addr) : static_cast<void*>(&v4->sin_addr);
  if (::inet_pton(address.ss_family, port.address().c_str(), place) != 1) return 0;
  if (is_v6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return 0;  // means nothing without its interface
  const base::Fd socket(::socket(address.ss_family, (port.udp() ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);  // as CRIU binds
  if (address_comes) ::setsockopt(socket.get(), IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes);
  if (is_v6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), is_v6 ? sizeof *v6 : sizeof *v4) < 0) return errno;
  // With SO_REUSEADDR two may bind, but only one may listen.
  return !port.udp() && ::listen(socket.get(), 1) < 0 ? errno : 0;
}

}  // namespace

void check_ports(const wire::Requirements& needed, Reasons& reasons) {
  for (const auto& port : needed.ports()) {
    const bool address_comes = needed.has_service() && kernel::IpPrefix::parse(needed.service().address()).address.text() == port.address();
    const int error = try_to_bind(port, address_comes);
    const auto what = fmt::format("{} port {} of {}", port.udp() ? "UDP" : "TCP", port.port(), port.address());
    if (error == EADDRINUSE) {
      reasons.push_back({what + " is taken", "another program listens there", "end that program, or give the workload an address of its own (ferry run --ip)"});
    } else if (error == EADDRNOTAVAIL) {
      reasons.push_back({what + " cannot be", "this host does not have that address",
                         "let it listen on 0.0.0.0, let the address move with it (--address), or give it one of its own (ferry run --ip)"});
    }
  }
}

namespace {

// Who on this host has the address; empty: nobody.
std::string holder_here(const kernel::Netlink& host, const kernel::IpAddr& address) {
  for (const auto& own : host.addresses()) {
    if (own.prefix.address == address) return "this host itself has it";
  }
  for (const auto& other : capsule::all_records()) {
    if (capsule::is_running(other) && runtime::has_address(other, address)) return fmt::format("the workload {} on this host has it", other.name);
  }
  return "";
}

void check_macvlan(const kernel::Netlink& host, const std::string& parent, const handover::Identity& identity, Reasons& reasons) {
  if (const auto link = host.find_link(parent); link && link->mtu < identity.mtu) {
    reasons.push_back({fmt::format("its macvlan cannot have the MTU {} here", identity.mtu), fmt::format("{} has {}", parent, link->mtu),
                       fmt::format("`ip link set {} mtu {}` there", parent, identity.mtu)});
  }
  if (const auto why = handover::why_no_network_barrier(); !why.empty()) {
    reasons.push_back({"its macvlan cannot be shut here until it may run", "this kernel cannot keep packets from it (nf_tables, families inet and arp): " + why,
                       "load the module nf_tables, or use a kernel that has it"});
  }
}

void check_identity(const wire::Identity& told, Reasons& reasons) {
  const auto identity = identity_from(told);
  const auto taken = [&](const kernel::IpAddr& address, const std::string& why) {
    reasons.push_back({fmt::format("the address {} is taken", address.text()), why, "take it away from there: an address can be in one place only"});
  };
  const kernel::Netlink host;
  for (const auto& own : identity.addresses) {
    if (const auto holder = holder_here(host, own.address); !holder.empty()) taken(own.address, holder);
  }
  if (!reasons.empty()) return;
  const auto attachment = attachment_for(told, "");
  const auto& segment = attachment.segment;
  if (attachment.is_macvlan()) check_macvlan(host, segment, identity, reasons);
  const auto owners = handover::find_owners(segment, identity, kProbeLimit);
  for (const auto& other : owners.others) {
    taken(other.address, fmt::format("{} on {} answers for it, besides the workload ({})", other.mac.text(), segment, identity.mac.text()));
  }
  // Of a capsule somebody has said that it is to be on this network. A container's bridge may be the host's own affair, as docker0 is.
  if (told.segment().empty() || owners.itself || !owners.others.empty()) return;
  const char* kind = attachment.is_macvlan() ? "link" : "bridge";
  reasons.push_back({fmt::format("the {} {} is not on the container's network segment", kind, segment),
                     fmt::format("{} does not answer there, so its clients could not reach it either", identity.addresses_text()),
                     fmt::format("join {} with the {} {} of the source (a port, VLAN or tunnel of the same network in both)", segment, kind, told.segment())});
}

}  // namespace

Reasons identity_reasons(const wire::Identity& told) {
  Reasons reasons;
  try {
    check_identity(told, reasons);
  } catch (const base::Error& refused) {  // no bridge
    reasons.push_back(reason_of(refused.explanation()));
  }
  return reasons;
}

}  // namespace ferry::migration
