// SPDX-License-Identifier: Apache-2.0
//
// Sockets: the families that CRIU knows (criu/sockets.c), unix sockets whose other end stays here, and connections of an address
// that stays here.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "kernel/namespaces.h"
#include "kernel/procfs.h"
#include "kernel/sock_diag.h"
#include "process/blocker_kinds.h"

namespace ferry::process {
namespace {

// As the kernel names them; with a v6 at the end for the same in IPv6.
constexpr std::array<std::string_view, 9> kMovableProtocols = {"TCP", "UDP", "UDP-Lite", "UDPLITE", "RAW", "PING", "UNIX", "UNIX-STREAM", "NETLINK"};

bool is_movable_protocol(std::string_view protocol) {
  if (protocol.ends_with("v6")) protocol.remove_suffix(2);
  return std::ranges::find(kMovableProtocols, protocol) != kMovableProtocols.end();
}

bool is_socket(const Descriptor& file) { return S_ISSOCK(file.status.st_mode) && file.target.starts_with("socket:["); }

void add_foreign_socket(const Task& task, int fd, const std::string& protocol, OpenThings& open) {
  if (protocol.starts_with("MPTCP")) {
    return open.add(task, fd, "a multipath TCP socket", "CRIU cannot take MPTCP along",
                    "run it without MPTCP (programs in Go: GODEBUG=multipathtcp=0), or with mptcp disabled: sysctl net.mptcp.enabled=0");
  }
  if (protocol == "PACKET") {
    return open.add(task, fd, "a packet socket", "it listens on this host's network devices", "end the capture before the move");
  }
  open.add(task, fd, fmt::format("a socket of the kind {}", protocol), "CRIU takes TCP, UDP, raw, unix and netlink sockets along, no others",
           "let it close that socket before the move");
}

using SocketTable = std::map<ino_t, std::pair<const Task*, int>>;  // inode → its first holder in the tree

SocketTable sockets_of(const View& view) {
  SocketTable table;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      if (is_socket(file)) table.try_emplace(file.status.st_ino, &task, file.fd);
    }
  }
  return table;
}

}  // namespace

void add_socket_blockers(const View& view, bool own_network, Reasons& reasons) {
  OpenThings open;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      if (!is_socket(file)) continue;
      const auto protocol = kernel::socket_protocol(task.pid, file.fd);
      // In a network of its own its devices are the same again on the target.
      if (protocol.empty() || is_movable_protocol(protocol) || (own_network && protocol == "PACKET")) continue;
      add_foreign_socket(task, file.fd, protocol, open);
    }
  }
  open.move_to(reasons);
}

namespace {

// The unix sockets of the tree's network namespace, looked at from those of the tree.
class UnixSockets {
 public:
  UnixSockets(const View& view, Outsiders& outsiders) : own_(sockets_of(view)), outsiders_(outsiders) {
    if (own_.empty()) return;
    kernel::in_network_namespace(kernel::open_namespace(view.tree.root, "net").get(), [&] {
      for (auto& socket : kernel::unix_sockets()) all_.emplace(socket.inode, std::move(socket));
    });
  }

  void look(OpenThings& open) {
    for (const auto& [inode, socket] : all_) {
      if (own_.contains(inode)) {
        look_at_own(socket, open);
      } else {
        look_at_other(socket, open);
      }
    }
  }

 private:
  void look_at_own(const kernel::UnixSocket& socket, OpenThings& open) {
    if (socket.peer != 0 && !own_.contains(socket.peer)) {
      const auto peer = all_.find(socket.peer);
      add(socket.inode, peer != all_.end() && !peer->second.name.empty() ? peer->second.name : socket.name,
          fmt::format("its other end belongs to {}, which stays here", holder(socket.peer)), open);
    }
    for (const uint32_t waiting : socket.waiting) {
      if (own_.contains(waiting)) continue;
      add(socket.inode, socket.name, fmt::format("{}, which stays here, has connected to it and is not accepted yet", holder(waiting)), open);
    }
  }

  void look_at_other(const kernel::UnixSocket& socket, OpenThings& open) {
    // Connected, but not accepted: the other end has no inode of its own yet.
    for (const uint32_t waiting : socket.waiting) {
      if (own_.contains(waiting)) add(waiting, socket.name, fmt::format("its other end belongs to {}, which stays here", holder(socket.inode)), open);
    }
    // A datagram client that has connected to a socket of the tree would go on writing into nothing.
    if (socket.type != SOCK_DGRAM || socket.peer == 0 || !own_.contains(socket.peer)) return;
    const auto reached = all_.find(socket.peer);
    if (reached == all_.end() || reached->second.peer == socket.inode) return;  // a pair: told from the other side
    add(socket.peer, reached->second.name, fmt::format("{}, which stays here, sends to it", holder(socket.inode)), open);
  }

  void add(ino_t inode, const std::string& name, std::string why, OpenThings& open) const {
    const auto& [task, fd] = own_.at(inode);
    open.add(*task, fd, name.empty() ? "a unix socket" : fmt::format("the unix socket {}", name), std::move(why),
             "let it close that connection before the move, or end the other program (a log or bus connection: run it without)");
  }

  std::string holder(uint32_t inode) const {
    return outsiders_.holder_of(fmt::format("socket:[{}]", inode)).value_or("a process that cannot be seen from here");
  }

  const SocketTable own_;
  Outsiders& outsiders_;
  std::map<uint32_t, kernel::UnixSocket> all_;
};

}  // namespace

void add_unix_socket_blockers(const View& view, Outsiders& outsiders, Reasons& reasons) {
  OpenThings open;
  UnixSockets(view, outsiders).look(open);
  open.move_to(reasons);
}

namespace {

bool is_link_local(const std::string& address) {
  in6_addr bytes;
  return ::inet_pton(AF_INET6, address.c_str(), &bytes) == 1 && IN6_IS_ADDR_LINKLOCAL(&bytes);
}

// CRIU 4.2 either does not find the link's name at the dump, also of those that are to be closed, or binds them without a link: EINVAL.
void add_link_local_blockers(const View& view, Reasons& reasons) {
  const auto sockets = inet_sockets_of(view);
  const auto first = std::ranges::find_if(sockets, [](const InetSocket& one) { return is_link_local(one.address); });
  if (first == sockets.end()) return;
  reasons.push_back({fmt::format("{} (pid {}) fd {} at {} port {}", kernel::comm_of(first->pid), first->pid, first->fd, first->address, first->port),
                     "CRIU cannot move sockets of a link-local address",
                     "let it and its clients use another address of it, or close that connection before the move"});
}

}  // namespace

void add_connection_blockers(const View& view, const BlockerOptions& options, Reasons& reasons) {
  add_link_local_blockers(view, reasons);
  const bool keeps = options.tcp == TcpPolicy::kKeep;
  if (options.tcp == TcpPolicy::kClose || (keeps && options.own_network)) return;
  auto connections = connections_of(view);
  if (keeps && !options.address.empty()) {
    std::erase_if(connections, [&](const InetSocket& one) { return plain_address(one.address) == options.address; });
  }
  if (keeps && options.is_relayed) std::erase_if(connections, options.is_relayed);
  if (connections.empty()) return;
  const auto what = list_of(connections);
  if (!keeps) {
    const bool may_go_along = options.own_network || !options.address.empty() || options.is_relayed;
    reasons.push_back({what, "a workload with open TCP connections is not to be moved (--tcp refuse)",
                       may_go_along ? "move it when they have ended; or say --tcp keep, and they go along"
                                    : "move it when they have ended; or say --tcp close to let them end"});
  } else if (options.container) {
    reasons.push_back({what, "open TCP connections on an address that does not move with it: its network is its engine's own, or the host's",
                       "put it on a network that both hosts have (docs/containers.md), or say --tcp close to let the connections end"});
  } else if (options.address.empty()) {
    reasons.push_back({what, "open TCP connections on this host's own address, which does not move with it",
                       "start it with an address of its own (ferry run --ip), name a service address that may move (--address), or say --tcp close to "
                       "let the connections end"});
  } else {
    reasons.push_back({what, fmt::format("open TCP connections on another address of this host than {}, which does not move with it", options.address),
                       "let its clients use the address that moves, or say --tcp close to let all connections end"});
  }
}

}  // namespace ferry::process
