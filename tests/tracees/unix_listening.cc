// SPDX-License-Identifier: Apache-2.0
//
// A listening unix socket in the file system, and an abstract one: clients connect after the move.
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "tracee.h"

namespace {
struct Address {
  explicit Address(const std::string& name) : size(static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) {
    std::memcpy(address.sun_path, name.data(), name.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  sockaddr_un address{AF_UNIX, {}};
  socklen_t size;
};
int open_socket() { return static_cast<int>(must(::socket(AF_UNIX, SOCK_STREAM, 0))); }
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const Address addresses[] = {Address(path("socket") + '\0'), Address('\0' + std::string("tracee-abstract"))};
  int listening[2];
  for (int i : {0, 1}) {
    listening[i] = open_socket();
    must(::bind(listening[i], addresses[i].get(), addresses[i].size));
    must(::listen(listening[i], 5));
  }

  ready_and_wait();
  for (int i : {0, 1}) {
    const int client = open_socket();
    must(::connect(client, addresses[i].get(), addresses[i].size));
    const int server = static_cast<int>(must(::accept(listening[i], nullptr, nullptr)));
    must(::send(client, "hello", 5, 0));
    require(read_some(server) == "hello", "the new connection");
  }
  return pass();
}
