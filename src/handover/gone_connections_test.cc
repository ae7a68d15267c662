// SPDX-License-Identifier: Apache-2.0
#include "handover/gone_connections.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

class GoneConnectionsTest : public kernel::OwnNetworkTest {
 protected:
  // A connection over the loopback whose server's end vanishes without a word (in repair mode a close says nothing); its client waits for
  // an answer. What it then finds.
  int what_a_waiting_client_finds(const char* address, bool is_told) {
    int found = 0;
    in_own_network([&](kernel::Netlink& net) {
      net.set_up("lo", true);
      const auto ip = kernel::IpAddr::parse(address);
      sockaddr_storage where{};
      where.ss_family = static_cast<sa_family_t>(ip.family());
      if (ip.family() == AF_INET) {
        std::memcpy(&reinterpret_cast<sockaddr_in*>(&where)->sin_addr, ip.bytes.data(), 4);
      } else {
        std::memcpy(&reinterpret_cast<sockaddr_in6*>(&where)->sin6_addr, ip.bytes.data(), 16);
      }
      socklen_t size = sizeof where;
      const base::Fd listener(::socket(ip.family(), SOCK_STREAM, 0)), client(::socket(ip.family(), SOCK_STREAM, 0));
      ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
      ASSERT_EQ(::listen(listener.get(), 1), 0);
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&where), &size);
      ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&where), size), 0);
      base::Fd server(::accept(listener.get(), nullptr, nullptr));
      const int on = 1;
      ASSERT_EQ(::setsockopt(server.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on), 0);
      server.reset();
      const auto port_of = [](const sockaddr_storage& one) { return ntohs(reinterpret_cast<const sockaddr_in&>(one).sin_port); };
      sockaddr_storage own{};
      size = sizeof own;
      ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own), &size);
      const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
      if (is_told) tell_peers(here.get(), "lo", {{ip, ip, port_of(where), port_of(own)}});
      char byte = 0;
      if (base::wait_readable(client.get(), 300)) found = ::recv(client.get(), &byte, 1, 0) < 0 ? errno : -1;
    });
    return found;
  }
};

TEST_F(GoneConnectionsTest, AClientThatWaitsIsReset) {
  EXPECT_EQ(what_a_waiting_client_finds("127.0.0.1", true), ECONNRESET);
  EXPECT_EQ(what_a_waiting_client_finds("::1", true), ECONNRESET);
}

TEST_F(GoneConnectionsTest, OneThatIsNotToldWaitsOn) { EXPECT_EQ(what_a_waiting_client_finds("127.0.0.1", false), 0); }

}  // namespace
}  // namespace ferry::handover
