// SPDX-License-Identifier: Apache-2.0
//
// The TCP and UDP sockets of a tree, by the tables of its network namespace (/proc/PID/net).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "process/view.h"

namespace ferry::process {

struct InetSocket {
  bool udp = false;
  bool listening = false;              // TCP; a bound UDP socket is "listening" too
  std::string address, remote;         // "10.77.0.1", "::"
  uint16_t port = 0, remote_port = 0;  // remote_port 0: not connected
  pid_t pid = 0;                       // its first holder in the tree
  int fd = 0;
};

// An IPv6 socket has a peer that speaks IPv4 as ::ffff:10.77.0.3: 10.77.0.3.
std::string plain_address(const std::string& address);

std::vector<InetSocket> inet_sockets_of(const View& view);
// Those that wait for others: what must be free where it arrives.
std::vector<InetSocket> listeners_of(const View& view);
// A TCP or UDP socket of the network namespace that no task of the view holds.
struct OtherSocket {
  InetSocket socket;  // without a holder
  ino_t inode = 0;
};
// Those that are bound to this address itself, not to every one. Without what the kernel alone still has (TIME_WAIT).
std::vector<OtherSocket> other_sockets_at(const View& view, const std::string& address);
// Somebody has connected to a server in the network namespace of `pid` and is not accepted yet.
bool has_waiting_connections(pid_t pid);

}  // namespace ferry::process
