// SPDX-License-Identifier: Apache-2.0
#include "kernel/tcp_repair.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/procfs.h"

namespace ferry::kernel {

void end_tcp_repair(pid_t pid) {
  const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return;
  for (const auto& file : open_files(pid)) {
    if (!file.target.starts_with("socket:")) continue;
    const base::Fd socket(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), file.fd, 0)));
    int repair = 0;
    socklen_t size = sizeof repair;
    if (!socket || ::getsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &repair, &size) < 0 || repair != 1) continue;
    constexpr int kOff = 0, kOn = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &kOff, sizeof kOff);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  }
}

}  // namespace ferry::kernel
