// SPDX-License-Identifier: Apache-2.0
//
// TCP for links: numeric addresses only (a static program has no business resolving names; ssh does
// that), with the timeouts that make a dead peer show.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"

namespace ferry::transport {

struct PortRange {
  uint16_t first = 0, last = 0;  // both included
};
// "9000-9010" or "9000". Throws Error (usage).
PortRange parse_port_range(std::string_view text);

struct Endpoint {
  std::string address;  // numeric, IPv4 or IPv6, perhaps with %scope; empty: not known
  uint16_t port = 0;
};

// Idle links: probed after 5 s, then every 5 s, dead after 3 unanswered ones. Data that nobody
// acknowledges for 20 s is as dead. (The protocol above has shorter bounds where a shorter one
// matters.)
inline constexpr int kKeepaliveIdleS = 5;
inline constexpr int kKeepaliveIntervalS = 5;
inline constexpr int kKeepaliveProbes = 3;
inline constexpr int kUserTimeoutMs = 20'000;

// TCP_NODELAY, keepalive and TCP_USER_TIMEOUT; non-blocking. A socket that is not TCP only becomes
// non-blocking.
void tune_socket(int fd);

// Throws Error: not a numeric address, refused, unreachable, not connected until `deadline`. The
// socket is tuned.
base::Fd tcp_connect(const Endpoint& endpoint, base::MonoTime deadline);

class Listener {
 public:
  // Listens on `address` (empty: on all), on a free port of `ports` or any. Throws Error when none
  // is free.
  Listener(const std::string& address, std::optional<PortRange> ports);

  uint16_t port() const { return port_; }
  int fd() const { return fd_.get(); }
  // A connection that is there already, tuned; nullopt when there is none (any more).
  std::optional<base::Fd> try_accept();

 private:
  base::Fd fd_;
  uint16_t port_ = 0;
};

}  // namespace ferry::transport
