// SPDX-License-Identifier: Apache-2.0
//
// Descriptors in the queue of a unix socket that nobody has received yet: a pipe with data and a file
// that is open elsewhere, too.
#include <sys/socket.h>

#include "tracee.h"

namespace {
void send_fds(int socket, int first, int second) {
  char byte = 'f';
  iovec data{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{nullptr, 0, &data, 1, space, sizeof space, 0};
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  const int fds[] = {first, second};
  std::memcpy(CMSG_DATA(header), fds, sizeof fds);
  must(::sendmsg(socket, &message, 0));
}

void receive_fds(int socket, int* fds) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{nullptr, 0, &data, 1, space, sizeof space, 0};
  require_equal(::recvmsg(socket, &message, MSG_DONTWAIT), 1, "recvmsg");
  require(byte == 'f' && CMSG_FIRSTHDR(&message) != nullptr, "the message");
  std::memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), 2 * sizeof(int));
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  int sockets[2], ends[2], received[2];
  must(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
  must(::pipe(ends));
  require_equal(::write(ends[1], "piped", 5), 5, "write");
  const int file = make_file("sent", "content");
  send_fds(sockets[0], ends[0], file);
  for (const int fd : {ends[0], ends[1]}) ::close(fd);

  ready_and_wait();
  receive_fds(sockets[1], received);
  require(read_some(received[0]) == "piped" && read_some(received[0]).empty(), "the pipe that was in flight");
  require(read_at(received[1], 0, 100) == "content", "the file that was in flight");
  must(::lseek(file, 3, SEEK_SET));
  require_equal(::lseek(received[1], 0, SEEK_CUR), 3, "the offset, which both have");
  return pass();
}
