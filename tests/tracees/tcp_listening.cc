// SPDX-License-Identifier: Apache-2.0
//
// Listening TCP sockets, IPv4 and IPv6 for both families: connections can be made after the move.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tracee.h"

namespace {
int listen_at(const void* address, socklen_t size, int family) {
  const int fd = static_cast<int>(must(::socket(family, SOCK_STREAM, 0)));
  const int yes = 1, idle = 123;
  must(::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes));
  must(::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle));
  must(::bind(fd, static_cast<const sockaddr*>(address), size));
  must(::listen(fd, 7));
  return fd;
}
void exchange(int listening, const void* address, socklen_t size, int family) {
  const int client = static_cast<int>(must(::socket(family, SOCK_STREAM, 0)));
  must(::connect(client, static_cast<const sockaddr*>(address), size));
  const int server = static_cast<int>(must(::accept(listening, nullptr, nullptr)));
  must(::send(client, "hello", 5, 0));
  require(read_some(server) == "hello", "the new connection");
  int idle = 0;
  socklen_t option_size = sizeof idle;
  must(::getsockopt(listening, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &option_size));
  require_equal(idle, 123, "TCP_KEEPIDLE");
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const sockaddr_in any4{AF_INET, htons(7004), {htonl(INADDR_ANY)}, {}};
  const sockaddr_in6 any6{AF_INET6, htons(7006), 0, IN6ADDR_ANY_INIT, 0};
  const int four = listen_at(&any4, sizeof any4, AF_INET), six = listen_at(&any6, sizeof any6, AF_INET6);

  ready_and_wait();
  sockaddr_in to{AF_INET, htons(7004), {htonl(INADDR_LOOPBACK)}, {}};
  const sockaddr_in6 to6{AF_INET6, htons(7006), 0, IN6ADDR_LOOPBACK_INIT, 0};
  exchange(four, &to, sizeof to, AF_INET);
  exchange(six, &to6, sizeof to6, AF_INET6);
  to.sin_port = htons(7006);
  exchange(six, &to, sizeof to, AF_INET);  // it takes both
  return pass();
}
