// SPDX-License-Identifier: Apache-2.0
#include "handover/held_frames.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace ferry::handover {

using base::SysError;

namespace {

// Memory for what waits: a thousand connections with a first congestion window (ten segments) each, twice.
constexpr int kMostBytes = 64 << 20;

template <typename Value>
void set(const base::Fd& socket, int level, int option, const Value& value, const char* what) {
  if (::setsockopt(socket.get(), level, option, &value, sizeof value) < 0) throw SysError("setsockopt", errno, what);
}

}  // namespace

HeldFrames::HeldFrames(const std::string& link, uint16_t protocol)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), link_(link), buffer_(kernel::kMostFrameBytes) {
  if (!socket_) throw SysError("socket", errno, "AF_PACKET");
  set(socket_, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  set(socket_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  set(socket_, SOL_SOCKET, SO_RCVBUFFORCE, kMostBytes, "SO_RCVBUFFORCE");
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(protocol);
  where.sll_ifindex = static_cast<int>(::if_nametoindex(link.c_str()));
  if (where.sll_ifindex == 0) throw SysError("if_nametoindex", errno, link);
  if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) < 0) throw SysError("bind", errno, link);
}

void HeldFrames::stop() const {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  set(socket_, SOL_SOCKET, SO_ATTACH_FILTER, sock_fprog{1, &nothing}, "SO_ATTACH_FILTER");
}

void HeldFrames::take(const std::function<void(Frame, const kernel::Unfinished&)>& each) {
  for (;;) {
    kernel::Unfinished unfinished;
    const std::array<iovec, 2> parts{{{&unfinished, sizeof unfinished}, {buffer_.data(), buffer_.size()}}};
    const ssize_t got = ::readv(socket_.get(), parts.data(), parts.size());
    // EINVAL: a frame of a kind that this kernel has no words for (before 6.2: UDP in segments). That one is lost.
    if (got < 0 && (errno == EINTR || errno == EINVAL)) continue;
    if (got < 0 && (errno == EAGAIN || errno == ENETDOWN)) return;  // the latter once: the link has gone
    if (got < 0) throw SysError("readv", errno, "frames from " + link_);
    each(Frame(buffer_).first(static_cast<size_t>(got) - sizeof unfinished), unfinished);
  }
}

uint64_t HeldFrames::dropped() const {
  tpacket_stats statistics{};
  socklen_t size = sizeof statistics;
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) < 0) throw SysError("getsockopt", errno, link_);
  return statistics.tp_drops;
}

}  // namespace ferry::handover
