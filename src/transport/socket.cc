// SPDX-License-Identifier: Apache-2.0
#include "transport/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/error.h"

namespace ferry::transport {
namespace {

constexpr int kBacklog = 16;  // one source and its lanes; strangers are dropped quickly

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

struct Address {
  SocketAddress value{};
  socklen_t size = 0;
  int family() const { return value.any.sa_family; }
};

std::optional<Address> parse_address(const std::string& text, uint16_t port) {
  Address address;
  if (::inet_pton(AF_INET, text.c_str(), &address.value.v4.sin_addr) == 1) {
    address.value.v4.sin_family = AF_INET;
    address.value.v4.sin_port = htons(port);
    address.size = sizeof address.value.v4;
    return address;
  }
  const auto percent = text.find('%');
  const std::string plain = text.substr(0, percent);
  if (::inet_pton(AF_INET6, plain.c_str(), &address.value.v6.sin6_addr) != 1) return std::nullopt;
  address.value.v6.sin6_family = AF_INET6;
  address.value.v6.sin6_port = htons(port);
  address.size = sizeof address.value.v6;
  if (percent != std::string::npos) {
    address.value.v6.sin6_scope_id = ::if_nametoindex(text.c_str() + percent + 1);
  }
  return address;
}

[[noreturn]] void cannot_connect(const Endpoint& endpoint, std::string why) {
  throw base::Error({fmt::format("cannot connect to {} port {}", endpoint.address, endpoint.port),
                     std::move(why),
                     "",
                     {},
                     {}});
}

void set_option(int fd, int level, int name, int value) {
  // Only a hint gets lost when the kernel does not take one of these.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

base::Fd make_tcp_socket(int family) {
  base::Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw base::SysError("socket", errno, "");
  return fd;
}

// An invalid Fd when the port is taken or the address is not (or not of a kind that is) on this
// host.
base::Fd try_listen(Address address) {
  base::Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fd;
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (::bind(fd.get(), &address.value.any, address.size) < 0 || ::listen(fd.get(), kBacklog) < 0) {
    return {};
  }
  return fd;
}

uint16_t bound_port(int fd) {
  Address address;
  address.size = sizeof address.value;
  if (::getsockname(fd, &address.value.any, &address.size) < 0) {
    throw base::SysError("getsockname", errno, "");
  }
  return ntohs(address.family() == AF_INET ? address.value.v4.sin_port
                                           : address.value.v6.sin6_port);
}

}  // namespace

PortRange parse_port_range(std::string_view text) {
  const auto number = [&](std::string_view part) -> uint16_t {
    uint16_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value == 0) {
      throw base::Error({fmt::format("\"{}\" is not a range of ports", text),
                         "",
                         "write 9000-9010 or 9000",
                         {},
                         {}},
                        base::Exit::kUsage);
    }
    return value;
  };
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return {number(text), number(text)};
  const PortRange range{number(text.substr(0, dash)), number(text.substr(dash + 1))};
  if (range.first <= range.last) return range;
  throw base::Error({fmt::format("\"{}\" is not a range of ports", text),
                     "its end comes before its start",
                     "",
                     {},
                     {}},
                    base::Exit::kUsage);
}

void tune_socket(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    throw base::SysError("fcntl", errno, "O_NONBLOCK");
  }
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleS);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalS);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

base::Fd tcp_connect(const Endpoint& endpoint, base::MonoTime deadline) {
  const auto address = parse_address(endpoint.address, endpoint.port);
  if (!address) cannot_connect(endpoint, "that is not a numeric address");
  base::Fd fd = make_tcp_socket(address->family());
  tune_socket(fd.get());
  int error = 0;
  if (::connect(fd.get(), &address->value.any, address->size) < 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd entry{fd.get(), POLLOUT, 0};
    int ready;
    do {
      ready = ::poll(&entry, 1, base::ms_until(deadline));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) cannot_connect(endpoint, "no answer in time");
    socklen_t size = sizeof error;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  }
  if (error != 0) cannot_connect(endpoint, std::strerror(error));
  return fd;
}

Listener::Listener(const std::string& address, std::optional<PortRange> ports) {
  const PortRange range = ports.value_or(PortRange{0, 0});
  for (unsigned port = range.first; port <= range.last && !fd_; ++port) {
    const auto wanted = static_cast<uint16_t>(port);
    const auto named = parse_address(address, wanted);
    if (named) {
      fd_ = try_listen(*named);
      if (fd_ || errno != EADDRNOTAVAIL)
        continue;  // else: sshd has that address, we (in a container) do not
    }
    fd_ = try_listen(*parse_address("::", wanted));
    if (!fd_) fd_ = try_listen(*parse_address("0.0.0.0", wanted));  // a kernel without IPv6
  }
  if (!fd_) {
    throw base::Error({"cannot listen for the source",
                       ports ? fmt::format("no port of {}-{} is free{}", range.first, range.last,
                                           address.empty() ? "" : " on " + address)
                             : fmt::format("{}: {}", address, std::strerror(errno)),
                       "give another range with --port, or use --tunnel",
                       {},
                       {}});
  }
  port_ = bound_port(fd_.get());
}

std::optional<base::Fd> Listener::try_accept() {
  for (;;) {
    base::Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      tune_socket(fd.get());
      return fd;
    }
    // A connection that died in the queue is not the listener's failure.
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN) return std::nullopt;
    throw base::SysError("accept", errno, "");
  }
}

}  // namespace ferry::transport
