// SPDX-License-Identifier: Apache-2.0
#include "process/connections.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

namespace ferry::process {
namespace {

constexpr const char* kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0\n"
    "   1: 09004D0A:1F90 03004D0A:C350 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0\n"
    "   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0\n"
    "   3: 09004D0A:1F90 03004D0A:C351 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0\n"
    "   4: 09004D0A:1F90 03004D0A:C352 08 00000000:00000000 00:00000000 00000000     0        0 104 1 0\n";

TEST(Connections, OnlyConnectedOnesToElsewhere) { EXPECT_EQ(connected_inodes(kTable), (std::vector<ino_t>{101, 104})); }

TEST(Connections, ALoopbackOfIpv6IsOne) {
  const std::string head = "  sl\n   0: ";
  const std::string tail = ":1F90 X:C350 01 0:0 00:0 0 0 0 7 1 0\n";
  EXPECT_TRUE(connected_inodes(head + "00000000000000000000000001000000" + tail).empty());
  EXPECT_TRUE(connected_inodes(head + "0000000000000000FFFF00000100007F" + tail).empty());
  EXPECT_EQ(connected_inodes(head + "0000000000000000FFFF000009004D0A" + tail).size(), 1u);
}

TEST(Connections, AHalfLineIsNone) { EXPECT_TRUE(connected_inodes("  sl\n   1: 09004D0A:1F90 0300").empty()); }

TEST(Connections, OfAProcessOnLoopbackThereAreNone) {
  const base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(count_connections(look_at(read_tree(::getpid()))), 0);
}

}  // namespace
}  // namespace ferry::process
