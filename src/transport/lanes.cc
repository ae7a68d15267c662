// SPDX-License-Identifier: Apache-2.0
#include "transport/lanes.h"

#include <poll.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"

namespace ferry::transport {

namespace {

// The way has been used a moment ago, by the first connection.
constexpr base::milliseconds kLaneTimeout{5'000};

}  // namespace

Link open_lane(const Endpoint& endpoint, const Key& key) {
  const auto deadline = base::mono_now() + kLaneTimeout;
  return Link(tls_handshake(tcp_connect(endpoint, deadline), key, Role::kConnects, deadline));
}

std::optional<Link> accept_lane(Listener& listener, const Key& key, base::MonoTime deadline, int wake_fd) {
  for (;;) {
    pollfd entries[2] = {{listener.fd(), POLLIN, 0}, {wake_fd, POLLIN, 0}};
    const int ready = ::poll(entries, 2, base::ms_until(deadline));
    if (ready < 0 && errno != EINTR) throw base::SysError("poll", errno, "a lane");
    if (ready == 0 || (entries[0].revents == 0 && entries[1].revents != 0)) return std::nullopt;
    auto socket = listener.try_accept();
    if (!socket) continue;
    try {
      return Link(tls_handshake(std::move(*socket), key, Role::kAccepts, base::mono_now() + kLaneTimeout));
    } catch (const base::Error& stranger) {
      base::log("dropped a connection: {}", stranger.what());
    }
  }
}

}  // namespace ferry::transport
