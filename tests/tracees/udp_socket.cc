// SPDX-License-Identifier: Apache-2.0
//
// A bound and a connected UDP socket.
#include <arpa/inet.h>
#include <sys/socket.h>

#include "tracee.h"

namespace {
sockaddr_in loopback(uint16_t port) { return {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {}}; }
int bound_socket(uint16_t port) {
  const int fd = static_cast<int>(must(::socket(AF_INET, SOCK_DGRAM, 0)));
  const sockaddr_in address = loopback(port);
  must(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  return fd;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const int server = bound_socket(7001), client = bound_socket(7002);
  const sockaddr_in peer = loopback(7001);
  must(::connect(client, reinterpret_cast<const sockaddr*>(&peer), sizeof peer));
  const int yes = 1;
  must(::setsockopt(server, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes));

  ready_and_wait();
  must(::send(client, "question", 8, 0));
  sockaddr_in from{};
  socklen_t size = sizeof from;
  char text[16];
  require_equal(::recvfrom(server, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &size), 8, "recvfrom");
  require_equal(ntohs(from.sin_port), 7002, "the sender's port");
  must(::sendto(server, "answer", 6, 0, reinterpret_cast<sockaddr*>(&from), size));
  require(read_some(client) == "answer", "the answer");
  int option = 0;
  size = sizeof option;
  must(::getsockopt(server, SOL_SOCKET, SO_BROADCAST, &option, &size));
  require_equal(option, 1, "SO_BROADCAST");
  return pass();
}
