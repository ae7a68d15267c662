// SPDX-License-Identifier: Apache-2.0
//
// For what is loaded into CRIU: userfaultfds by which ferry puts pages into memory that nobody is to wait for.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "criu/high_descriptor.h"
#include "criu/raw_syscall.h"

namespace ferry::criu {

// -1: there is none.
inline long make_userfaultfd() {
  constexpr int kUserModeOnly = 1;  // UFFD_USER_MODE_ONLY, Linux 5.11: needs no privilege
  const long fd = raw(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly);
  if (is_error(fd)) return -1;
  uffdio_api api{UFFD_API, 0, 0};
  const bool can = !is_error(raw(SYS_ioctl, fd, UFFDIO_API, &api));
  const long high = can ? copy_up(fd) : -1;
  raw(SYS_close, fd);
  return is_error(high) ? -1 : high;
}

// For write protection, and nothing is ever protected: who touches a page does not wait, and UFFDIO_COPY works.
inline bool register_for_copy(long uffd, uint64_t start, size_t bytes) {
  uffdio_register range{};
  range.range = {start, bytes};
  range.mode = UFFDIO_REGISTER_MODE_WP;
  return !is_error(raw(SYS_ioctl, uffd, UFFDIO_REGISTER, &range));
}

template <size_t kCount>
bool send_descriptors(long socket, const void* content, size_t bytes, const int (&fds)[kCount]) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  iovec part{const_cast<void*>(content), bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* first = CMSG_FIRSTHDR(&message);
  first->cmsg_level = SOL_SOCKET;
  first->cmsg_type = SCM_RIGHTS;
  first->cmsg_len = CMSG_LEN(sizeof fds);
  memcpy(CMSG_DATA(first), fds, sizeof fds);
  return raw(SYS_sendmsg, socket, &message, MSG_NOSIGNAL) == static_cast<long>(bytes);
}

}  // namespace ferry::criu
