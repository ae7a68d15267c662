// SPDX-License-Identifier: Apache-2.0
#include "process/listeners.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
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

std::optional<OtherSocket> parse_line(const std::string& line) {
  std::istringstream words(line);
  std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout;
  ino_t inode = 0;
  if (!(words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode)) return std::nullopt;
  const auto here = parse_endpoint(local), there = parse_endpoint(remote);
  if (!here || !there) return std::nullopt;
  InetSocket socket;
  socket.listening = state == "0A";
  socket.address = here->address;
  socket.port = here->port;
  socket.remote = there->address;
  socket.remote_port = there->port;
  return OtherSocket{socket, inode};
}

void for_each_inet_socket(pid_t pid, const std::function<void(OtherSocket&)>& act) {
  for (const char* table : {"tcp", "tcp6", "udp", "udp6"}) {
    std::istringstream lines(base::try_read_file(fmt::format("/proc/{}/net/{}", pid, table)).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      auto found = parse_line(line);
      if (!found) continue;
      found->socket.udp = table[0] == 'u';
      if (found->socket.udp) found->socket.listening = found->socket.remote_port == 0;
      act(*found);
    }
  }
}

}  // namespace

std::string plain_address(const std::string& address) {
  constexpr std::string_view kMapped = "::ffff:";
  const bool is_mapped = address.starts_with(kMapped) && address.find('.') != std::string::npos;
  return is_mapped ? address.substr(kMapped.size()) : address;
}

std::vector<InetSocket> inet_sockets_of(const View& view) {
  const auto holders = holders_of(view);
  std::vector<InetSocket> sockets;
  if (holders.empty()) return sockets;
  for_each_inet_socket(view.tree.root, [&](OtherSocket& found) {
    const auto holder = holders.find(found.inode);
    if (holder == holders.end()) return;
    std::tie(found.socket.pid, found.socket.fd) = holder->second;
    sockets.push_back(std::move(found.socket));
  });
  return sockets;
}

std::vector<OtherSocket> other_sockets_at(const View& view, const std::string& address) {
  const auto holders = holders_of(view);
  std::vector<OtherSocket> others;
  for_each_inet_socket(view.tree.root, [&](OtherSocket& found) {
    if (found.inode != 0 && !holders.contains(found.inode) && plain_address(found.socket.address) == address) others.push_back(std::move(found));
  });
  return others;
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
