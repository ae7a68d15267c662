// SPDX-License-Identifier: Apache-2.0
//
// Open TCP connections of a tree of tasks to others, and what may become of them in a move.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "process/listeners.h"

namespace ferry::process {

enum class TcpPolicy {
  kKeep,    // they go along; where their address stays behind, the move is refused
  kClose,   // all of them end, also those within the tree
  kRefuse,  // a tree that has some is not moved
};
inline constexpr std::string_view kTcpPolicyNames[] = {"keep", "close", "refuse"};
inline std::string_view name_of(TcpPolicy policy) { return kTcpPolicyNames[static_cast<size_t>(policy)]; }
// Throws Error (usage).
TcpPolicy parse_tcp_policy(std::string_view name);

// Held by a task of the view, the other end by none of them. A connection within the tree goes wherever the tree goes.
std::vector<InetSocket> connections_of(const View& view);

// "python3 (pid 12) fd 5 connected to 10.77.0.3 port 51234; …": the first few, and how many more.
std::string list_of(const std::vector<InetSocket>& connections);

}  // namespace ferry::process
