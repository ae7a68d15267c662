// SPDX-License-Identifier: Apache-2.0
#include "handover/link_socket.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace ferry::handover {

using base::SysError;

LinkSocket::LinkSocket(const std::string& link)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), link_(link) {
  if (!socket_) throw SysError("socket", errno, "AF_PACKET");
  const int with_header = 1;
  if (::setsockopt(socket_.get(), SOL_PACKET, PACKET_VNET_HDR, &with_header, sizeof with_header) <
      0)
    throw SysError("setsockopt", errno, "PACKET_VNET_HDR");
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_MARK, &kSentByFerry, sizeof kSentByFerry) < 0)
    throw SysError("setsockopt", errno, "SO_MARK");
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_ifindex = static_cast<int>(::if_nametoindex(link.c_str()));
  if (where.sll_ifindex == 0) throw SysError("if_nametoindex", errno, link);
  if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) < 0)
    throw SysError("bind", errno, link);
}

void LinkSocket::send(Frame frame, const kernel::Unfinished& unfinished) const {
  const auto part = [](const void* data, size_t size) {
    return iovec{const_cast<void*>(data), size};
  };
  const std::array<iovec, 2> parts{part(&unfinished, sizeof unfinished),
                                   part(frame.data(), frame.size())};
  if (::writev(socket_.get(), parts.data(), parts.size()) < 0) throw SysError("send", errno, link_);
}

}  // namespace ferry::handover
