// SPDX-License-Identifier: Apache-2.0
//
// Connected unix sockets of each type with data in both directions; message boundaries stay.
#include <sys/socket.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  int pairs[3][2];
  for (int i = 0; i < 3; ++i) {
    must(::socketpair(AF_UNIX, types[i], 0, pairs[i]));
    for (const char* text : {"one ", "two "}) must(::send(pairs[i][0], text, 4, 0));
    must(::send(pairs[i][1], "back", 4, 0));
  }
  int ended[2];
  must(::socketpair(AF_UNIX, SOCK_STREAM, 0, ended));
  must(::send(ended[0], "end", 3, 0));
  must(::shutdown(ended[0], SHUT_WR));

  ready_and_wait();
  require(read_some(pairs[0][1]) == "one two ", "the stream");
  for (int i : {1, 2}) {
    require(read_some(pairs[i][1]) == "one ", "the first message");
    require(read_some(pairs[i][1]) == "two ", "the second message");
  }
  for (auto& pair : pairs) {
    require(read_some(pair[0]) == "back", "the other direction");
    must(::send(pair[0], "new", 3, 0));
    require(read_some(pair[1]) == "new", "data after the move");
  }
  require(read_some(ended[1]) == "end" && read_some(ended[1]).empty(), "the half that was shut down");
  must(::send(ended[1], "x", 1, 0));
  require(read_some(ended[0]) == "x", "the half that was not");
  return pass();
}
