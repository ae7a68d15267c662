// SPDX-License-Identifier: Apache-2.0
//
// TCP connections inside the tree, over lo: with data in both directions; half closed with data not read yet.
#include <arpa/inet.h>
#include <sys/socket.h>

#include "tracee.h"

namespace {
struct Connection {
  int client, server;
};
Connection make_connection(int listening, const sockaddr_in& address) {
  const int client = static_cast<int>(must(::socket(AF_INET, SOCK_STREAM, 0)));
  must(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  return {client, static_cast<int>(must(::accept(listening, nullptr, nullptr)))};
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const sockaddr_in address{AF_INET, htons(7005), {htonl(INADDR_LOOPBACK)}, {}};
  const int listening = static_cast<int>(must(::socket(AF_INET, SOCK_STREAM, 0)));
  must(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  must(::listen(listening, 5));
  const Connection open = make_connection(listening, address), half = make_connection(listening, address);
  must(::send(open.client, "there", 5, 0));
  must(::send(open.server, "back", 4, 0));
  must(::send(half.client, "last", 4, 0));
  must(::shutdown(half.client, SHUT_WR));
  sleep_ns(50 * kMillisecond_ns);  // until the FIN is acknowledged

  ready_and_wait();
  require(read_some(open.server) == "there" && read_some(open.client) == "back", "what was under way");
  must(::send(open.client, "new", 3, 0));
  require(read_some(open.server) == "new", "what is sent after");
  require(read_some(half.server) == "last" && read_some(half.server).empty(), "data, then the end");
  must(::send(half.server, "still open", 10, 0));
  require(read_some(half.client) == "still open", "the other half");
  ::close(half.server);
  require(read_some(half.client).empty(), "its end");
  return pass();
}
