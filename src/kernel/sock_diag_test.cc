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

}  // namespace
}  // namespace ferry::kernel
