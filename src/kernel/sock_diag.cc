// SPDX-License-Identifier: Apache-2.0
#include "kernel/sock_diag.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/fd.h"

namespace ferry::kernel {

using base::SysError;

namespace {

constexpr size_t kReadBytes = 64 * 1024;  // a dump's messages come in pieces of at most 32 KiB

base::Fd open_sock_diag() {
  base::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) throw SysError("socket", errno, "NETLINK_SOCK_DIAG");
  return socket;
}

template <typename Request>
void send_request(const base::Fd& socket, uint16_t type, uint16_t flags, const Request& request) {
  struct {
    nlmsghdr header;
    Request request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = type;
  message.header.nlmsg_flags = NLM_F_REQUEST | flags;
  message.request = request;
  if (::send(socket.get(), &message, sizeof message, 0) < 0) throw SysError("send", errno, "sock_diag");
}

// Asks for all that `request` is about; `each` has what comes.
template <typename Request>
void list_sockets(uint16_t type, const Request& request, const std::string& what,
                  const std::function<void(const nlmsghdr*)>& each) {
  const base::Fd socket = open_sock_diag();
  send_request(socket, type, NLM_F_DUMP, request);
  alignas(nlmsghdr) char buffer[kReadBytes];
  for (;;) {
    const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SysError("recv", errno, "sock_diag");
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return;
      if (header->nlmsg_type == NLMSG_ERROR) {
        throw SysError("sock_diag", -static_cast<nlmsgerr*>(NLMSG_DATA(header))->error, what);
      }
      each(header);
    }
  }
}

// As inet_diag has it; an address of IPv4 is one in a socket of IPv6, too.
IpAddr address_of(int family, const uint32_t (&words)[4]) {
  constexpr uint32_t kMapped = 0xffff;  // ::ffff:a.b.c.d
  IpAddr address;
  const bool is_ipv4 = family == AF_INET || (words[0] == 0 && words[1] == 0 && words[2] == htonl(kMapped));
  if (!is_ipv4) address.size = sizeof words;
  std::memcpy(address.bytes.data(), &words[is_ipv4 && family == AF_INET6 ? 3 : 0], address.size);
  return address;
}

std::optional<TcpConnection> parse_connection(const nlmsghdr* header) {
  const auto* told = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  const auto local = address_of(told->idiag_family, told->id.idiag_src), remote = address_of(told->idiag_family, told->id.idiag_dst);
  if (local.family() != AF_INET || remote.family() != AF_INET || told->id.idiag_dport == 0) return std::nullopt;
  return TcpConnection{local, remote, ntohs(told->id.idiag_sport), ntohs(told->id.idiag_dport), told->idiag_state};
}

UnixSocket parse_socket(const nlmsghdr* header) {
  const auto* told = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
  UnixSocket socket;
  socket.inode = told->udiag_ino;
  socket.type = told->udiag_type;
  socket.listening = told->udiag_state == TCP_LISTEN;
  int left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof *told));
  for (auto* part = reinterpret_cast<const rtattr*>(told + 1); RTA_OK(part, left); part = RTA_NEXT(part, left)) {
    const auto* data = static_cast<const char*>(RTA_DATA(part));
    const size_t size = RTA_PAYLOAD(part);
    if (part->rta_type == UNIX_DIAG_PEER && size == sizeof socket.peer) std::memcpy(&socket.peer, data, size);
    if (part->rta_type == UNIX_DIAG_NAME && size > 0) {
      socket.name = data[0] == '\0' ? "@" + std::string(data + 1, size - 1) : std::string(data, ::strnlen(data, size));
    }
    if (part->rta_type == UNIX_DIAG_ICONS) {
      socket.waiting.resize(size / sizeof(uint32_t));
      std::memcpy(socket.waiting.data(), data, socket.waiting.size() * sizeof(uint32_t));
    }
  }
  return socket;
}

}  // namespace

std::vector<UnixSocket> unix_sockets() {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0u;
  request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS;
  std::vector<UnixSocket> sockets;
  list_sockets(SOCK_DIAG_BY_FAMILY, request, "unix sockets", [&](const nlmsghdr* header) { sockets.push_back(parse_socket(header)); });
  return sockets;
}

std::vector<TcpConnection> tcp_connections() {
  // The older kind of request: it alone has both families in one walk.
  inet_diag_req request{};
  request.idiag_family = AF_INET;
  request.idiag_states = ~(1U << TCP_LISTEN | 1U << TCP_CLOSE);
  std::vector<TcpConnection> connections;
  list_sockets(TCPDIAG_GETSOCK, request, "connections of TCP", [&](const nlmsghdr* header) {
    if (const auto found = parse_connection(header)) connections.push_back(*found);
  });
  return connections;
}

void destroy_tcp_connections_from(const IpAddr& local) {
  inet_diag_req_v2 request{};
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~(1U << TCP_LISTEN);
  std::vector<inet_diag_req_v2> found;
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    request.sdiag_family = family;
    list_sockets(SOCK_DIAG_BY_FAMILY, request, "connections of TCP", [&](const nlmsghdr* header) {
      const auto* told = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
      if (address_of(told->idiag_family, told->id.idiag_src) != local) return;
      auto& one = found.emplace_back(request);
      one.id = told->id;
    });
  }
  const base::Fd socket = open_sock_diag();
  for (const auto& one : found) send_request(socket, SOCK_DESTROY, 0, one);  // without an answer, unless it has just ended
}

std::string socket_protocol(pid_t pid, int fd) {
  char name[64] = {};  // sk_prot->name has at most 32 bytes
  const auto link = fmt::format("/proc/{}/fd/{}", pid, fd);
  return ::getxattr(link.c_str(), "system.sockprotoname", name, sizeof name - 1) > 0 ? name : "";
}

}  // namespace ferry::kernel
