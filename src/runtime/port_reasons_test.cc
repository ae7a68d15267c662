// SPDX-License-Identifier: Apache-2.0
#include "runtime/port_reasons.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/fd.h"

namespace ferry::runtime {
namespace {

TEST(PortReasons, WhatIsTakenIsNamedAndWhatIsFreeIsNot) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    base::Fd other(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_in at{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    socklen_t size = sizeof at;
    ASSERT_EQ(::bind(other.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    ASSERT_EQ(::getsockname(other.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    if (type == SOCK_STREAM) {
      ASSERT_EQ(::listen(other.get(), 1), 0);
    }
    const auto number = std::to_string(ntohs(at.sin_port));
    const auto ports = handover::parse_ports(std::vector<std::string>{
        "127.0.0.1:" + number + "->80/" + (type == SOCK_STREAM ? "tcp" : "udp")});
    const auto reasons = reasons_against_ports(ports);
    ASSERT_EQ(reasons.size(), 1u);
    EXPECT_EQ(reasons[0].what, "the port 127.0.0.1:" + number + " is taken here");
    other.reset();
    EXPECT_TRUE(reasons_against_ports(ports).empty());
  }
}

TEST(PortReasons, AnAddressOfAnotherHostIsNamed) {
  const auto reasons = reasons_against_ports(
      handover::parse_ports(std::vector<std::string>{"192.0.2.1:80->80/tcp"}));
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_EQ(reasons[0].what, "this host has no address 192.0.2.1");
}

}  // namespace
}  // namespace ferry::runtime
