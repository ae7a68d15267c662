// SPDX-License-Identifier: Apache-2.0
#include "handover/link_socket.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"

namespace ferry::handover {

using base::SysError;

LinkSocket::LinkSocket(const std::string& link)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), link_(link) {
  if (!socket_) throw SysError("socket", errno, "AF_PACKET");
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_ifindex = static_cast<int>(::if_nametoindex(link.c_str()));
  if (where.sll_ifindex == 0) throw SysError("if_nametoindex", errno, link);
  if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) < 0) throw SysError("bind", errno, link);
}

void LinkSocket::send(Frame frame) const {
  if (::send(socket_.get(), frame.data(), frame.size(), 0) < 0) throw SysError("send", errno, link_);
}

}  // namespace ferry::handover
