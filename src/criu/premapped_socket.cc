// SPDX-License-Identifier: Apache-2.0
#include "criu/premapped_socket.h"

#include <sys/socket.h>

#include "criu/premapped_place.h"
#include "criu/received_descriptors.h"
#include "criu/work_socket.h"

namespace ferry::criu {

base::Fd listen_premapped(const base::Path& work_directory) {
  return listen_in(work_directory, kPremappedSocket, SOCK_DGRAM, 0);
}

std::optional<memory::Premapping> receive_premapping(int socket) {
  PremappedMessage content{};
  auto fds = receive_descriptors<2>(socket, &content, sizeof content);
  if (!fds) return std::nullopt;
  return memory::Premapping{content.pid, std::move((*fds)[0]), kernel::Userfaultfd(std::move((*fds)[1]))};
}

}  // namespace ferry::criu
