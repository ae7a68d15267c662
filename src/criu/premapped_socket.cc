// SPDX-License-Identifier: Apache-2.0
#include "criu/premapped_socket.h"

#include <sys/socket.h>

#include <cstring>

#include "criu/premapped_place.h"
#include "criu/work_socket.h"

namespace ferry::criu {

base::Fd listen_premapped(const base::Path& work_directory) {
  return listen_in(work_directory, kPremappedSocket, SOCK_DGRAM, 0);
}

std::optional<memory::Premapping> receive_premapping(int socket) {
  PremappedMessage content{};
  int fds[PremappedMessage::kDescriptors];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  iovec part{&content, sizeof content};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof content) return std::nullopt;
  const cmsghdr* first = CMSG_FIRSTHDR(&message);
  if (first == nullptr || first->cmsg_type != SCM_RIGHTS || first->cmsg_len != CMSG_LEN(sizeof fds)) return std::nullopt;
  std::memcpy(fds, CMSG_DATA(first), sizeof fds);
  return memory::Premapping{content.pid, base::Fd(fds[0]), kernel::Userfaultfd(base::Fd(fds[1]))};
}

}  // namespace ferry::criu
