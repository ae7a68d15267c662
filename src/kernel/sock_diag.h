// SPDX-License-Identifier: Apache-2.0
//
// sock_diag(7): who is connected to whom among the unix sockets of a network namespace, which /proc/net/unix does not say; and
// its connections of TCP over IPv4.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/netlink.h"

namespace ferry::kernel {

struct UnixSocket {
  uint32_t inode = 0;
  int type = 0;            // SOCK_STREAM, …
  bool listening = false;
  uint32_t peer = 0;       // inode of the other end; 0: not connected, or closed there
  std::string name;        // as bound; an abstract name begins with '@'
  std::vector<uint32_t> waiting;  // inodes of sockets that have connected and are not accepted yet
};

// Of the calling thread's network namespace. Throws SysError.
std::vector<UnixSocket> unix_sockets();

// A connection of TCP, in any state but LISTEN. Also one of a socket whose family is IPv6, to a peer of IPv4.
struct TcpConnection {
  IpAddr local, remote;  // of IPv4
  uint16_t local_port = 0, remote_port = 0;
  int state = 0;  // TCP_ESTABLISHED, … (netinet/tcp.h)
};

// Of the calling thread's network namespace. The kernel walks the table of all namespaces: 1.5 ms, measured. Throws SysError.
std::vector<TcpConnection> tcp_connections();

// Those from this address come to an end at once, also what nobody holds any more and still tries to say that it has ended. Each peer
// that can be reached gets a reset. Of the calling thread's network namespace. Throws SysError (Linux 4.5, CONFIG_INET_DIAG_DESTROY).
void destroy_tcp_connections_from(const IpAddr& local);

// The protocol of an open socket as the kernel calls it ("TCP", "UDPv6", "UNIX-STREAM", "MPTCP", "PACKET"…), by its link in
// /proc/PID/fd; empty when it cannot be told.
std::string socket_protocol(pid_t pid, int fd);

}  // namespace ferry::kernel
