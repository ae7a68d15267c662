// SPDX-License-Identifier: Apache-2.0
#include "kernel/sock_diag.h"

#include <fmt/format.h>
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

#include "base/error.h"
#include "base/fd.h"

namespace ferry::kernel {

using base::SysError;

namespace {

constexpr size_t kReadBytes = 64 * 1024;  // a dump's messages come in pieces of at most 32 KiB

void ask_for_unix_sockets(int socket) {
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_UNIX;
  message.request.udiag_states = ~0u;
  message.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS;
  if (::send(socket, &message, sizeof message, 0) < 0) throw SysError("send", errno, "sock_diag");
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
  const base::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) throw SysError("socket", errno, "NETLINK_SOCK_DIAG");
  ask_for_unix_sockets(socket.get());
  std::vector<UnixSocket> sockets;
  alignas(nlmsghdr) char buffer[kReadBytes];
  for (;;) {
    const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SysError("recv", errno, "sock_diag");
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return sockets;
      if (header->nlmsg_type == NLMSG_ERROR) {
        throw SysError("sock_diag", -static_cast<nlmsgerr*>(NLMSG_DATA(header))->error, "unix sockets");
      }
      sockets.push_back(parse_socket(header));
    }
  }
}

std::string socket_protocol(pid_t pid, int fd) {
  char name[64] = {};  // sk_prot->name has at most 32 bytes
  const auto link = fmt::format("/proc/{}/fd/{}", pid, fd);
  return ::getxattr(link.c_str(), "system.sockprotoname", name, sizeof name - 1) > 0 ? name : "";
}

}  // namespace ferry::kernel
