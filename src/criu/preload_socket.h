// SPDX-License-Identifier: Apache-2.0
//
// For what is loaded into CRIU: sockets in the directory of its images.
#pragma once

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "criu/raw_syscall.h"

namespace ferry::criu {

// A connection, close-on-exec; -errno. The directory's own path may be longer than an address can be, and it may lie outside of the
// task's root. `type`: of socket(2).
inline long connect_in(int directory, const char* name, int type) {
  const long here = raw(SYS_openat, AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (is_error(here)) return here;
  long socket = raw(SYS_fchdir, directory);
  if (!is_error(socket)) socket = raw(SYS_socket, AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (!is_error(socket)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, name);
    const long connected = raw(SYS_connect, socket, &address, sizeof address);
    if (is_error(connected)) {
      raw(SYS_close, socket);
      socket = connected;
    }
  }
  const long back = raw(SYS_fchdir, here);
  raw(SYS_close, here);
  return is_error(back) ? back : socket;
}

}  // namespace ferry::criu
