// SPDX-License-Identifier: Apache-2.0
#include "kernel/socket_options.h"

#include <linux/in6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/fd.h"

namespace ferry::kernel {
namespace {

constexpr int kAnyFamily = 0;
enum class Asked { kIfUsed, kAlways, kIfListening };

struct Known {
  const char* name;
  int level, number;
  size_t values = 1;
  int family = kAnyFamily;
  Asked asked = Asked::kIfUsed;
};

// Tried out one by one. (SO_LINGER: older ones than CRIU 4.2 do not know it.) TCP_QUICKACK and TCP_WINDOW_CLAMP are the kernel's own,
// from moment to moment. A number stands where Debian 12's headers have no name; it is that of all architectures.
constexpr Known kKnown[] = {
    {"SO_LINGER", SOL_SOCKET, SO_LINGER, 2},
    {"SO_TIMESTAMPNS", SOL_SOCKET, SO_TIMESTAMPNS},
    {"SO_TIMESTAMPING", SOL_SOCKET, SO_TIMESTAMPING},
    {"SO_ZEROCOPY", SOL_SOCKET, SO_ZEROCOPY},
    {"SO_MAX_PACING_RATE", SOL_SOCKET, SO_MAX_PACING_RATE, 2},
    {"SO_BUSY_POLL", SOL_SOCKET, SO_BUSY_POLL},
    {"SO_PREFER_BUSY_POLL", SOL_SOCKET, 69},
    {"SO_SELECT_ERR_QUEUE", SOL_SOCKET, SO_SELECT_ERR_QUEUE},
    {"SO_TXREHASH", SOL_SOCKET, 74},
    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, 1, kAnyFamily, Asked::kAlways},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 1, kAnyFamily, Asked::kAlways},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1, kAnyFamily, Asked::kAlways},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT},
    {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT},
    {"TCP_THIN_LINEAR_TIMEOUTS", IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS},
    {"TCP_SAVE_SYN", IPPROTO_TCP, TCP_SAVE_SYN},
    {"TCP_INQ", IPPROTO_TCP, TCP_INQ},
    {"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN},
    {"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER},
    {"IP_RECVERR", IPPROTO_IP, IP_RECVERR},
    {"IP_MINTTL", IPPROTO_IP, IP_MINTTL},
    {"IP_RECVTTL", IPPROTO_IP, IP_RECVTTL},
    {"IP_RECVTOS", IPPROTO_IP, IP_RECVTOS},
    {"IP_BIND_ADDRESS_NO_PORT", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
    {"IP_TRANSPARENT", IPPROTO_IP, IP_TRANSPARENT},
    {"UDP_SEGMENT", IPPROTO_UDP, 103},
    {"UDP_GRO", IPPROTO_UDP, 104},
    {"IP_TTL", IPPROTO_IP, IP_TTL, 1, AF_INET6},
    {"IP_PKTINFO", IPPROTO_IP, IP_PKTINFO, 1, AF_INET6},
    {"IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS, 1, AF_INET6},
    {"IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1, AF_INET6},
    {"IPV6_MTU_DISCOVER", IPPROTO_IPV6, IPV6_MTU_DISCOVER, 1, AF_INET6},
    {"IPV6_RECVERR", IPPROTO_IPV6, IPV6_RECVERR, 1, AF_INET6},
    {"IPV6_MINHOPCOUNT", IPPROTO_IPV6, IPV6_MINHOPCOUNT, 1, AF_INET6},
    {"IPV6_RECVTCLASS", IPPROTO_IPV6, IPV6_RECVTCLASS, 1, AF_INET6},
    {"IPV6_RECVPKTINFO", IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, AF_INET6},
    {"IPV6_AUTOFLOWLABEL", IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1, AF_INET6},
    {"IPV6_TRANSPARENT", IPPROTO_IPV6, IPV6_TRANSPARENT, 1, AF_INET6},
    // Any other than one that listens answers with what it sends at the moment.
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG, 1, kAnyFamily, Asked::kIfListening},
};

int number_of(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : 0;
}

std::optional<SocketOption> read(int socket, const Known& known) {
  SocketOption option{known.name, std::vector<int>(known.values)};
  const auto whole = static_cast<socklen_t>(option.values.size() * sizeof(int));
  socklen_t size = whole;
  if (::getsockopt(socket, known.level, known.number, option.values.data(), &size) < 0 || size != whole) return std::nullopt;
  return option;
}

// Nothing when it is what it usually is.
std::optional<SocketOption> read_unusual(int socket, const SocketKind& kind, const Known& known, const SocketOption& usual) {
  if (known.family != kAnyFamily && known.family != kind.family) return std::nullopt;
  if (known.level == IPPROTO_TCP && kind.protocol != IPPROTO_TCP) return std::nullopt;
  auto option = read(socket, known);
  if (!option || *option == usual) return std::nullopt;
  if (known.asked == Asked::kIfListening && number_of(socket, SO_ACCEPTCONN) == 0) return std::nullopt;
  return option;
}

}  // namespace

SocketOptions::SocketOptions() {
  for (const auto& known : kKnown) used_.push_back(known.asked == Asked::kAlways);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const auto& [type, protocol] : {std::pair{SOCK_STREAM, IPPROTO_TCP}, std::pair{SOCK_DGRAM, IPPROTO_UDP}}) {
      const base::Fd fresh(::socket(family, type | SOCK_CLOEXEC, 0));
      if (!fresh) continue;
      auto& all = usual_[{family, protocol}];
      for (const auto& known : kKnown) all.push_back(read(fresh.get(), known).value_or(SocketOption{}));
    }
  }
}

std::optional<SocketKind> SocketOptions::kind_of(int socket) {
  const int family = number_of(socket, SO_DOMAIN);
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  const int protocol = number_of(socket, SO_PROTOCOL);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return std::nullopt;
  return SocketKind{family, protocol};
}

void SocketOptions::note_uses(int socket, const SocketKind& kind) {
  const auto usual = usual_.find(kind);
  if (usual == usual_.end()) return;
  for (size_t i = 0; i < std::size(kKnown); ++i) {
    if (!used_[i]) used_[i] = read_unusual(socket, kind, kKnown[i], usual->second[i]).has_value();
  }
}

std::vector<SocketOption> SocketOptions::differences_of(int socket, const SocketKind& kind) const {
  std::vector<SocketOption> found;
  const auto usual = usual_.find(kind);
  if (usual == usual_.end()) return found;
  for (size_t i = 0; i < std::size(kKnown); ++i) {
    if (!used_[i]) continue;
    if (auto option = read_unusual(socket, kind, kKnown[i], usual->second[i])) found.push_back(std::move(*option));
  }
  return found;
}

bool set_socket_option(int socket, const SocketOption& option) {
  const auto* known = std::ranges::find_if(
      kKnown, [&](const Known& one) { return option.name == one.name && option.values.size() == one.values; });
  return known != std::end(kKnown) && ::setsockopt(socket, known->level, known->number, option.values.data(),
                                                   static_cast<socklen_t>(option.values.size() * sizeof(int))) == 0;
}

}  // namespace ferry::kernel
