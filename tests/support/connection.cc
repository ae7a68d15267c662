// SPDX-License-Identifier: Apache-2.0
#include "support/connection.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "kernel/namespaces.h"

namespace ferry::testing {
namespace {

pid_t init_of(const Lab& lab, const std::string& name) {
  const auto state = nlohmann::json::parse(lab.state_json()).at(0);
  for (const auto& host : state.at("hosts")) {
    if (host.at("name") == name) return host.at("init").at("pid");
  }
  throw base::Error({"no such host in the lab", name, "", {}, {}});
}

// Of either family; link-local ones with their link: fe80::1%br0.
base::Fd connect_to(const std::string& address, int port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) throw base::SysError("getaddrinfo", EINVAL, address);
  base::Fd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int failed = ::connect(fd.get(), found->ai_addr, found->ai_addrlen) < 0 ? errno : 0;
  ::freeaddrinfo(found);
  if (failed != 0) throw base::SysError("connect", failed, fmt::format("{} port {}", address, port));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

tcp_info info_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) throw base::SysError("getsockopt", errno, "TCP_INFO");
  return info;
}

}  // namespace

Connection::Connection(const Lab& lab, const std::string& host, const std::string& address, int port) {
  const auto network = kernel::open_namespace(init_of(lab, host), "net");
  kernel::in_network_namespace(network.get(), [&] { fd_ = connect_to(address, port); });
}

void Connection::read_more(base::MonoTime deadline) {
  if (!base::wait_readable(fd_.get(), base::ms_until(deadline))) {
    throw base::Error({"no answer on an open connection", "within the limit", "", {}, {}});
  }
  char chunk[65536];
  const ssize_t got = ::read(fd_.get(), chunk, sizeof chunk);
  if (got < 0) throw base::SysError("read", errno, "an open connection");
  if (got == 0) throw Ended();
  read_ahead_.append(chunk, static_cast<size_t>(got));
}

std::string Connection::take(size_t count) {
  std::string text = read_ahead_.substr(0, count);
  read_ahead_.erase(0, count);
  return text;
}

std::string Connection::read_until(std::string_view end, int limit_ms) {
  const auto deadline = base::mono_now() + base::milliseconds(limit_ms);
  for (;;) {
    if (const auto at = read_ahead_.find(end); at != std::string::npos) return take(at + end.size());
    read_more(deadline);
  }
}

std::string Connection::read_bytes(size_t count, int limit_ms) {
  const auto deadline = base::mono_now() + base::milliseconds(limit_ms);
  while (read_ahead_.size() < count) read_more(deadline);
  return take(count);
}

void Connection::send_get(const std::string& path) {
  send(fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n\r\n", path));
}

std::string Connection::read_answer() {
  const std::string head = read_until("\r\n\r\n");
  if (!head.starts_with("HTTP/1.1 200 ")) throw base::Error({"not a 200", head, "", {}, {}});
  const auto at = head.find("Content-Length: ");
  if (at == std::string::npos) throw base::Error({"an answer without a length", head, "", {}, {}});
  return read_bytes(std::stoul(head.substr(at + 16)));
}

std::string Connection::get(const std::string& path) {
  send_get(path);
  return read_answer();
}

int Connection::unacknowledged() const { return static_cast<int>(info_of(fd_.get()).tcpi_unacked); }
bool Connection::is_established() const { return info_of(fd_.get()).tcpi_state == TCP_ESTABLISHED; }

}  // namespace ferry::testing
