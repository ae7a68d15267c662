// SPDX-License-Identifier: Apache-2.0
#include "kernel/tcp_repair.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <functional>

#include "kernel/procfs.h"
#include "kernel/task_fd.h"

namespace ferry::kernel {
namespace {

constexpr int kOff = 0, kOn = 1;

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

}  // namespace

void end_tcp_repair(pid_t pid) {
  for_each_tcp_socket(pid, [](int socket, bool in_repair) {
    if (!in_repair) return;
    ::setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &kOff, sizeof kOff);
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  });
}

void begin_tcp_repair(pid_t pid) {
  for_each_tcp_socket(pid, [](int socket, bool in_repair) {
    if (!in_repair) ::setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &kOn, sizeof kOn);  // refused for a listening one: it sends nothing
  });
}

}  // namespace ferry::kernel
