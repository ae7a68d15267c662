// SPDX-License-Identifier: Apache-2.0
//
// Lanes: more connections of the same move, beside the one that carries its messages. Memory travels in them, by several threads at
// once. Same address, same one-time key, same frames; a move through the SSH pipe has none.
#pragma once

#include <optional>

#include "base/clock.h"
#include "transport/channel_tls.h"
#include "transport/link.h"
#include "transport/socket.h"

namespace ferry::transport {

// Each lane is a thread on either side; more than this many have never been faster than four on one connection's worth of CPUs.
inline constexpr int kMostLanes = 16;

// Throws Error when the target cannot be reached there, or does not know the key.
Link open_lane(const Endpoint& endpoint, const Key& key);

// The next lane; nullopt once none waits and `wake_fd` is readable, or the deadline has come. Connections without the key are dropped.
std::optional<Link> accept_lane(Listener& listener, const Key& key, base::MonoTime deadline, int wake_fd);

}  // namespace ferry::transport
