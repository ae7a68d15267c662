// SPDX-License-Identifier: Apache-2.0
//
// The other end of send_descriptors() (preload_userfaultfd.h).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>

#include "base/fd.h"

namespace ferry::criu {

// One message of that content and those descriptors. Nothing: another one, or none.
template <size_t kCount>
std::optional<std::array<base::Fd, kCount>> receive_descriptors(int socket, void* content, size_t bytes) {
  int fds[kCount];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  iovec part{content, bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != static_cast<ssize_t>(bytes)) return std::nullopt;
  const cmsghdr* first = CMSG_FIRSTHDR(&message);
  if (first == nullptr || first->cmsg_type != SCM_RIGHTS || first->cmsg_len != CMSG_LEN(sizeof fds)) return std::nullopt;
  std::memcpy(fds, CMSG_DATA(first), sizeof fds);
  std::array<base::Fd, kCount> received;
  for (size_t i = 0; i < kCount; ++i) received[i] = base::Fd(fds[i]);
  return received;
}

}  // namespace ferry::criu
