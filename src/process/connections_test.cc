// SPDX-License-Identifier: Apache-2.0
#include "process/connections.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

namespace ferry::process {
namespace {

// A connection over loopback: the listener takes both families, the client is of IPv4.
struct Connected {
  Connected() {
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    socklen_t size = sizeof any;
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
    port = ntohs(any.sin6_port);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = any.sin6_port;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    server = base::Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(server);
  }
  base::Fd listener{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)}, client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  base::Fd server;
  uint16_t port = 0;
};

// A tree of one task, which has only the client's end.
class ClientOnly {
 public:
  explicit ClientOnly(Connected& connected) : pid_(::fork()) {
    if (pid_ != 0) return;
    connected.server.reset();
    connected.listener.reset();
    for (;;) ::pause();
  }
  ~ClientOnly() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  const pid_t pid_;
};

std::vector<InetSocket> at_port(std::vector<InetSocket> sockets, uint16_t port) {
  std::erase_if(sockets, [port](const InetSocket& one) { return one.port != port && one.remote_port != port; });
  return sockets;
}

TEST(Connections, WithinATreeThereAreNone) {
  const Connected connected;
  EXPECT_TRUE(at_port(connections_of(look_at({::getpid(), {::getpid()}})), connected.port).empty());
}

TEST(Connections, ToAnotherTreeIsOne) {
  Connected connected;
  const ClientOnly other(connected);
  std::vector<InetSocket> found;
  for (int tries = 0; tries < 1000; ++tries) {  // until it has closed the other end
    found = at_port(connections_of(look_at({other.pid(), {other.pid()}})), connected.port);
    if (found.size() == 1) break;
    ::usleep(1000);
  }
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].fd, connected.client.get());
  EXPECT_EQ(found[0].remote_port, connected.port);
  EXPECT_NE(list_of(found).find("connected to 127.0.0.1 port " + std::to_string(connected.port)), std::string::npos);
}

// Whose tree holds neither: a listener at every address is not at this one, the server's end of a connection to it is.
TEST(Connections, OfOthersAtAnAddress) {
  Connected connected;
  const ClientOnly other(connected);
  const auto others = [&](pid_t pid, const std::string& address) {
    auto found = other_sockets_at(look_at({pid, {pid}}), address);
    std::erase_if(found, [&](const OtherSocket& one) { return one.socket.port != connected.port; });
    return found;
  };
  std::vector<OtherSocket> found;
  for (int tries = 0; tries < 1000; ++tries) {  // until it has closed the server's end
    found = others(other.pid(), "127.0.0.1");
    if (!found.empty()) break;
    ::usleep(1000);
  }
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].socket.listening);
  EXPECT_NE(found[0].inode, 0u);
  EXPECT_TRUE(others(other.pid(), "127.0.0.2").empty());
  EXPECT_TRUE(others(::getpid(), "127.0.0.1").empty());
}

TEST(Connections, AListIsShort) {
  const std::vector<InetSocket> many(8, InetSocket{.remote = "::ffff:10.77.0.3", .remote_port = 7, .pid = ::getpid()});
  const auto text = list_of(many);
  EXPECT_NE(text.find("connected to 10.77.0.3 port 7; "), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("; and 3 more")) << text;
  EXPECT_EQ(list_of({}), "");
}

TEST(Connections, PoliciesByName) {
  for (const auto name : kTcpPolicyNames) EXPECT_EQ(name_of(parse_tcp_policy(name)), name);
  EXPECT_THROW(parse_tcp_policy("drop"), base::Error);
}

}  // namespace
}  // namespace ferry::process
