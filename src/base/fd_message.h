// SPDX-License-Identifier: Apache-2.0
//
// Messages over a SOCK_SEQPACKET Unix socket that carry descriptors (unix(7): SCM_RIGHTS).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::base {

struct FdMessage {
  std::string bytes;    // empty: the peer has closed
  std::vector<Fd> fds;  // close-on-exec
};

// Throws SysError; EPIPE and ECONNRESET mean that the peer has gone.
void send_message(int socket, std::string_view bytes, const std::vector<int>& fds = {});
// Waits for one. Throws SysError, also when it is longer than kLongestMessage.
FdMessage receive_message(int socket);
// Who had opened the other end (SO_PEERCRED, socket(7)). 0: cannot be said.
pid_t peer_of(int socket);
inline constexpr size_t kLongestMessage = 64 * 1024;  // CRIU's own are below 1 KiB, an engine's request has some 10 mounts

}  // namespace ferry::base
