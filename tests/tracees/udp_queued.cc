// SPDX-License-Identifier: Apache-2.0
//
// A UDP socket with datagrams that have arrived and that nobody has read yet.
#include <arpa/inet.h>
#include <sys/socket.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int fd = static_cast<int>(must(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)));
  const sockaddr_in address{AF_INET, htons(7003), {htonl(INADDR_LOOPBACK)}, {}};
  must(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  for (const char* text : {"one", "two"}) {
    must(::sendto(fd, text, 3, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  ready_and_wait();
  for (const char* text : {"one", "two"}) {
    char got[16] = {};
    if (::recv(fd, got, sizeof got, 0) == -1) fail("the datagram is gone");
    require(std::string(got) == text, "the datagram");
  }
  return pass();
}
