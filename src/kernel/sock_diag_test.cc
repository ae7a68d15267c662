// SPDX-License-Identifier: Apache-2.0
#include "kernel/sock_diag.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/fd.h"
#include "kernel/test_network.h"

namespace ferry::kernel {
namespace {

class SockDiagTest : public OwnNetworkTest {};

// Also of a server whose socket is of IPv6, as most have; a socket that only listens is none.
TEST_F(SockDiagTest, ListsConnectionsOfItsOwnNetwork) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    EXPECT_TRUE(tcp_connections().empty());
    const base::Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(7'777);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_TRUE(tcp_connections().empty());
    const base::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{AF_INET, htons(7'777), {htonl(INADDR_LOOPBACK)}, {}};
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const base::Fd server(::accept(listener.get(), nullptr, nullptr));
    const auto found = tcp_connections();
    ASSERT_EQ(found.size(), 2U);  // both ends
    EXPECT_EQ(std::ranges::count(found, 7'777, &TcpConnection::local_port), 1);
    EXPECT_EQ(std::ranges::count(found, 7'777, &TcpConnection::remote_port), 1);
    for (const auto& one : found) {
      EXPECT_EQ(one.local, IpAddr::parse("127.0.0.1"));
      EXPECT_EQ(one.remote, IpAddr::parse("127.0.0.1"));
      EXPECT_EQ(one.state, TCP_ESTABLISHED);
    }
  });
}

// A server and a client of its own, each on one address of the loopback; the server has been killed, say, before all was sent.
TEST_F(SockDiagTest, WhatIsSaidFromAnAddressComesToAnEnd) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const base::Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(7'777);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::listen(listener.get(), 2), 0);
    const auto connect_to = [&](uint32_t address) {
      base::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in to{AF_INET, htons(7'777), {htonl(address)}, {}};
      EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
      return client;
    };
    const auto client = connect_to(INADDR_LOOPBACK), other = connect_to(INADDR_LOOPBACK + 1);
    base::Fd server(::accept(listener.get(), nullptr, nullptr));
    const base::Fd stays(::accept(listener.get(), nullptr, nullptr));
    server.reset();  // it waits for the client's end
    const auto ends_at = [](const char* address) {
      return std::ranges::count(tcp_connections(), IpAddr::parse(address), &TcpConnection::local);
    };
    const auto before = ends_at("127.0.0.1");
    EXPECT_EQ(ends_at("127.0.0.2"), 1);
    destroy_tcp_connections_from(IpAddr::parse("127.0.0.2"));
    EXPECT_EQ(ends_at("127.0.0.2"), 0);
    EXPECT_EQ(ends_at("127.0.0.1"), before - 1);  // its peer has had a reset
    destroy_tcp_connections_from(IpAddr::parse("127.0.0.1"));
    EXPECT_EQ(ends_at("127.0.0.1"), 0);
    char byte;
    EXPECT_LT(::recv(other.get(), &byte, 1, 0), 0);
    EXPECT_EQ(errno, ECONNRESET);
  });
}

}  // namespace
}  // namespace ferry::kernel
