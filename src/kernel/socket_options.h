// SPDX-License-Identifier: Apache-2.0
//
// Options of TCP and UDP sockets that CRIU 4.2 neither records nor restores, though they can be asked for and set.
//
// Not among them: what a connected socket's TCP_MAXSEG was set to, which the kernel tells nobody (what came of it goes along), and
// IP_TOS of an IPv6 socket, since setting it changes SO_PRIORITY.
// Asking costs a microsecond for each option of each socket, and the answers that count are those of a workload that is frozen. So it
// is asked beforehand which options it uses at all; then only those, and the few that programs set in the middle of a connection.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ferry::kernel {

struct SocketOption {
  std::string name;         // "TCP_USER_TIMEOUT"
  std::vector<int> values;  // as setsockopt(2) takes them: one, mostly
  bool operator==(const SocketOption&) const = default;
};

struct SocketKind {
  int family = 0, protocol = 0;  // AF_…, IPPROTO_…
  auto operator<=>(const SocketKind&) const = default;
};

class SocketOptions {
 public:
  // Knows what the options of new sockets are in the calling thread's network namespace: its sysctls say so.
  SocketOptions();

  // Nothing when it is neither TCP nor UDP.
  static std::optional<SocketKind> kind_of(int socket);
  // From now on the options are looked at that this socket has set.
  void note_uses(int socket, const SocketKind& kind);
  // Of those that are looked at, what a new socket has not.
  std::vector<SocketOption> differences_of(int socket, const SocketKind& kind) const;

 private:
  std::map<SocketKind, std::vector<SocketOption>> usual_;
  std::vector<bool> used_;
};

// False when this kernel has no such option, or refuses the value.
[[nodiscard]] bool set_socket_option(int socket, const SocketOption& option);

}  // namespace ferry::kernel
