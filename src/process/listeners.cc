// SPDX-License-Identifier: Apache-2.0
#include "process/listeners.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>

namespace ferry::process {
namespace {

using Holders = std::map<ino_t, std::pair<pid_t, int>>;

Holders holders_of(const View& view) {
  Holders holders;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      if (S_ISSOCK(file.status.st_mode)) holders.try_emplace(file.status.st_ino, task.pid, file.fd);
    }
  }
  return holders;
}

struct Endpoint {
  std::string address;
  uint16_t port = 0;
};

// "0900000A:1F90", 32 digits for IPv6: each 32-bit word as the host's memory has it; proc(5).
std::optional<Endpoint> parse_endpoint(const std::string& text) {
  const auto colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<uint32_t, 4> words{};
  for (size_t i = 0; i < colon / 8; ++i) words[i] = static_cast<uint32_t>(std::stoul(text.substr(i * 8, 8), nullptr, 16));
  char name[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(colon == 8 ? AF_INET : AF_INET6, words.data(), name, sizeof name);
  return Endpoint{name, static_cast<uint16_t>(std::stoul(text.substr(colon + 1), nullptr, 16))};
}

std::optional<InetSocket> parse_line(const std::string& line, const Holders& holders) {
  std::istringstream words(line);
  std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout;
  ino_t inode = 0;
  if (!(words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode)) return std::nullopt;
  const auto holder = holders.find(inode);
  const auto here = parse_endpoint(local), there = parse_endpoint(remote);
  if (holder == holders.end() || !here || !there) return std::nullopt;
  InetSocket socket;
  socket.listening = state == "0A";
  socket.address = here->address;
  socket.port = here->port;
  socket.remote = there->address;
  socket.remote_port = there->port;
  std::tie(socket.pid, socket.fd) = holder->second;
  return socket;
}

}  // namespace

std::vector<InetSocket> inet_sockets_of(const View& view) {
  const auto holders = holders_of(view);
  std::vector<InetSocket> sockets;
  if (holders.empty()) return sockets;
  for (const char* table : {"tcp", "tcp6", "udp", "udp6"}) {
    std::istringstream lines(base::try_read_file(fmt::format("/proc/{}/net/{}", view.tree.root, table)).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      auto socket = parse_line(line, holders);
      if (!socket) continue;
      socket->udp = table[0] == 'u';
      if (socket->udp) socket->listening = socket->remote_port == 0;
      sockets.push_back(std::move(*socket));
    }
  }
  return sockets;
}

bool has_waiting_connections(pid_t pid) {
  for (const char* table : {"tcp", "tcp6"}) {
    std::istringstream lines(base::try_read_file(fmt::format("/proc/{}/net/{}", pid, table)).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string slot, local, remote, state, queues;
      // Of a listening socket the second queue counts who waits.
      if (words >> slot >> local >> remote >> state >> queues && state == "0A" && !queues.ends_with(":00000000")) return true;
    }
  }
  return false;
}

std::vector<InetSocket> listeners_of(const View& view) {
  auto sockets = inet_sockets_of(view);
  std::erase_if(sockets, [](const InetSocket& socket) { return !socket.listening || socket.port == 0; });
  return sockets;
}

}  // namespace ferry::process
