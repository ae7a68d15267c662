// SPDX-License-Identifier: Apache-2.0
//
// A file that is open nowhere but in the queue of a unix socket.
#include <sys/socket.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  int sockets[2];
  must(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
  const int file = make_file("sent", "content");
  char byte = 'f';
  iovec data{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{nullptr, 0, &data, 1, space, sizeof space, 0};
  *CMSG_FIRSTHDR(&message) = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  std::memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &file, sizeof file);
  must(::sendmsg(sockets[0], &message, 0));
  ::close(file);

  ready_and_wait();
  message.msg_controllen = sizeof space;
  require_equal(::recvmsg(sockets[1], &message, MSG_DONTWAIT), 1, "recvmsg");
  int received = -1;
  std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  require(read_at(received, 0, 100) == "content", "the file that was in flight");
  return pass();
}
