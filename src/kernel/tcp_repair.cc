// SPDX-License-Identifier: Apache-2.0
#include "kernel/tcp_repair.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>

#include "kernel/procfs.h"
#include "kernel/task_fd.h"

namespace ferry::kernel {
namespace {

constexpr int kOff = 0, kOn = 1;
constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // RFC 4291, 2.5.5.2

void for_each_tcp_socket(pid_t pid, const std::function<void(int socket, bool in_repair)>& act) {
  for (const auto& file : open_files(pid)) {
    if (!file.target.starts_with("socket:")) continue;
    const base::Fd socket = copy_descriptor(pid, file.fd);
    int repair = 0;
    socklen_t size = sizeof repair;
    if (!socket || ::getsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &repair, &size) < 0) continue;
    act(socket.get(), repair == 1);
  }
}

// Of an IPv6 socket that speaks IPv4 (::ffff:10.77.0.3), the IPv4 one.
std::optional<IpAddr> local_address(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return std::nullopt;
  IpAddr address;
  if (storage.ss_family == AF_INET) {
    std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in*>(&storage)->sin_addr, 4);
    return address;
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr;
  const bool is_mapped = std::memcmp(v6.s6_addr, kMapped, sizeof kMapped) == 0;
  address.size = is_mapped ? 4 : 16;
  std::memcpy(address.bytes.data(), v6.s6_addr + (is_mapped ? 12 : 0), address.size);
  return address;
}

}  // namespace

void end_tcp_repair(pid_t pid) {
  for_each_tcp_socket(pid, [](int socket, bool in_repair) {
    if (!in_repair) return;
    ::setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &kOff, sizeof kOff);
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  });
}

void begin_tcp_repair(pid_t pid, const std::optional<IpAddr>& only) {
  for_each_tcp_socket(pid, [&](int socket, bool in_repair) {
    if (in_repair || (only && local_address(socket) != *only)) return;
    ::setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &kOn, sizeof kOn);  // refused for a listening one: it sends nothing
  });
}

}  // namespace ferry::kernel
