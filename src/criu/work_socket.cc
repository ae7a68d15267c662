// SPDX-License-Identifier: Apache-2.0
#include "criu/work_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ferry::criu {

base::Fd listen_in(const base::Path& directory, const char* name, int type, int backlog, void (*prepare)(int socket)) {
  const base::Fd opened = base::open_file(directory, O_PATH | O_DIRECTORY);
  // The directory's own path may be longer than an address can be.
  const std::string path = fmt::format("/proc/self/fd/{}/{}", opened.get(), name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const auto called = [&](const char* call) { return base::SysError(call, errno, (directory / name).string()); };
  ::unlink((directory / name).c_str());  // of an earlier attempt
  base::Fd listener(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) throw called("socket");
  if (prepare != nullptr) prepare(listener.get());
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) throw called("bind");
  if (type != SOCK_DGRAM && ::listen(listener.get(), backlog) < 0) throw called("listen");
  return listener;
}

}  // namespace ferry::criu
