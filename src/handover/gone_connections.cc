// SPDX-License-Identifier: Apache-2.0
#include "handover/gone_connections.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "base/fd.h"
#include "handover/internet_checksum.h"
#include "kernel/namespaces.h"

namespace ferry::handover {

using base::SysError;

namespace {

// Of a raw socket: without a port (raw(7)).
sockaddr_storage socket_address(const std::string& link, const kernel::IpAddr& address) {
  sockaddr_storage storage{};
  storage.ss_family = static_cast<sa_family_t>(address.family());
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (address.family() == AF_INET) {
    std::memcpy(&v4->sin_addr, address.bytes.data(), 4);
  } else {
    std::memcpy(&v6->sin6_addr, address.bytes.data(), 16);
    if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) v6->sin6_scope_id = ::if_nametoindex(link.c_str());
  }
  return storage;
}

// RFC 9293, 3.1: over a pseudo header of the addresses, the protocol and the length.
uint16_t checksum_of(const Flow& flow, const tcphdr& header) {
  InternetChecksum sum(IPPROTO_TCP + sizeof header);
  sum.add(flow.local.bytes.data(), flow.local.size);
  sum.add(flow.remote.bytes.data(), flow.remote.size);
  sum.add(&header, sizeof header);
  return sum.value();
}

tcphdr syn_of(const Flow& flow) {
  tcphdr header{};
  header.source = htons(flow.local_port);
  header.dest = htons(flow.remote_port);
  header.doff = sizeof header / 4;
  header.syn = 1;
  header.check = checksum_of(flow, header);
  return header;
}

void send_syn(const std::string& link, const Flow& flow) {
  const base::Fd socket(::socket(flow.local.family(), SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket) throw SysError("socket", errno, "SOCK_RAW");
  const auto from = socket_address(link, flow.local), to = socket_address(link, flow.remote);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) < 0) throw SysError("bind", errno, flow.local.text());
  const tcphdr header = syn_of(flow);
  if (::sendto(socket.get(), &header, sizeof header, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
    throw SysError("sendto", errno, flow.remote.text());
  }
}

}  // namespace

void tell_peers(int netns, const std::string& link, const std::vector<Flow>& gone) {
  kernel::in_network_namespace(netns, [&] {
    for (const auto& flow : gone) send_syn(link, flow);
  });
}

}  // namespace ferry::handover
