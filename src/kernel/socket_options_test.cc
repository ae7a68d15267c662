// SPDX-License-Identifier: Apache-2.0
#include "kernel/socket_options.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/fd.h"

namespace ferry::kernel {
namespace {

base::Fd make_socket(int family, int type) { return base::Fd(::socket(family, type | SOCK_CLOEXEC, 0)); }

void set(const base::Fd& socket, int level, int option, int value) {
  ASSERT_EQ(::setsockopt(socket.get(), level, option, &value, sizeof value), 0);
}

// What one socket differs in, another one has after it was set there.
void expect_carried(const base::Fd& socket, const base::Fd& other, const std::vector<std::string>& names) {
  SocketOptions options;
  const auto kind = SocketOptions::kind_of(socket.get()).value();
  options.note_uses(socket.get(), kind);
  const auto differences = options.differences_of(socket.get(), kind);
  std::vector<std::string> found;
  for (const auto& option : differences) {
    found.push_back(option.name);
    EXPECT_TRUE(set_socket_option(other.get(), option)) << option.name;
  }
  EXPECT_EQ(found, names);
  EXPECT_EQ(options.differences_of(other.get(), kind), differences);
}

TEST(SocketOptions, OfANewSocketNoneDiffers) {
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) expect_carried(make_socket(family, type), make_socket(family, type), {});
  }
}

TEST(SocketOptions, OfAConnectionToBe) {
  const auto socket = make_socket(AF_INET, SOCK_STREAM);
  const linger patience{1, 7};
  ASSERT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &patience, sizeof patience), 0);
  set(socket, IPPROTO_TCP, TCP_LINGER2, 11);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 4321);
  set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 12345);
  set(socket, IPPROTO_IP, IP_RECVERR, 1);
  expect_carried(socket, make_socket(AF_INET, SOCK_STREAM),
                 {"SO_LINGER", "TCP_LINGER2", "TCP_USER_TIMEOUT", "TCP_NOTSENT_LOWAT", "IP_RECVERR"});
}

TEST(SocketOptions, OfOneThatListens) {
  const auto socket = make_socket(AF_INET6, SOCK_STREAM), other = make_socket(AF_INET6, SOCK_STREAM);
  set(socket, IPPROTO_TCP, TCP_MAXSEG, 1000);
  set(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, 7);
  set(socket, IPPROTO_IPV6, IPV6_TCLASS, 32);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  expect_carried(socket, other, {"TCP_DEFER_ACCEPT", "IPV6_TCLASS", "TCP_MAXSEG"});
}

TEST(SocketOptions, OfDatagrams) {
  const auto socket = make_socket(AF_INET, SOCK_DGRAM);
  set(socket, IPPROTO_IP, IP_RECVTOS, 1);
  set(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  expect_carried(socket, make_socket(AF_INET, SOCK_DGRAM), {"IP_MTU_DISCOVER", "IP_RECVTOS"});
}

// What nobody uses is not asked for, but for what may be set at any time.
TEST(SocketOptions, WhatIsLookedAt) {
  const auto socket = make_socket(AF_INET, SOCK_STREAM);
  set(socket, IPPROTO_TCP, TCP_SYNCNT, 3);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 4321);
  const auto found = SocketOptions().differences_of(socket.get(), {AF_INET, IPPROTO_TCP});
  EXPECT_EQ(found, std::vector<SocketOption>({{"TCP_USER_TIMEOUT", {4321}}}));
}

TEST(SocketOptions, OthersHaveNone) {
  EXPECT_FALSE(SocketOptions::kind_of(make_socket(AF_UNIX, SOCK_STREAM).get()));
  EXPECT_FALSE(SocketOptions::kind_of(-1));
}

TEST(SocketOptions, WhatIsNoneIsNotSet) {
  const auto socket = make_socket(AF_INET, SOCK_STREAM);
  EXPECT_FALSE(set_socket_option(socket.get(), {"TCP_REPAIR", {1}}));
  EXPECT_FALSE(set_socket_option(socket.get(), {"TCP_USER_TIMEOUT", {}}));
  EXPECT_FALSE(set_socket_option(socket.get(), {"TCP_USER_TIMEOUT", {-1}}));
  EXPECT_FALSE(set_socket_option(-1, {"TCP_USER_TIMEOUT", {1}}));
}

}  // namespace
}  // namespace ferry::kernel
