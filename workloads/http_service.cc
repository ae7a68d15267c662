// SPDX-License-Identifier: Apache-2.0
#include "http_service.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"

namespace ferry::workloads {
namespace {

constexpr size_t kMaxRequest = 16 * 1024;  // bytes of a request's head
constexpr int kBacklog = 1024;
constexpr int kEventsAtOnce = 64;

void watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw base::SysError("epoll_ctl", errno, "a connection of the service");
  }
}

}  // namespace

HttpService::HttpService(const std::string& address, uint16_t port, Handler handler)
    : handler_(std::move(handler)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  sockaddr_in own{.sin_family = AF_INET, .sin_port = htons(port)};
  if (::inet_pton(AF_INET, address.c_str(), &own.sin_addr) != 1) {
    base::refuse("cannot listen", fmt::format("\"{}\" is not an IPv4 address", address),
                 "write one such as 0.0.0.0");
  }
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t length = sizeof own;
  auto* const generic = reinterpret_cast<sockaddr*>(&own);
  if (::bind(listener_.get(), generic, length) != 0 || ::listen(listener_.get(), kBacklog) != 0 ||
      ::getsockname(listener_.get(), generic, &length) != 0) {
    throw base::SysError("bind", errno, fmt::format("the service on {}:{}", address, port));
  }
  port_ = ntohs(own.sin_port);
  watch(epoll_.get(), listener_.get());
}

void HttpService::serve(int wait_ms) {
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, wait_ms);
  for (int i = 0; i < count; ++i) {
    const int fd = events[static_cast<size_t>(i)].data.fd;
    if (fd == listener_.get()) {
      accept_all();
    } else if (!read(fd, open_.at(fd).second)) {
      open_.erase(fd);
    }
  }
}

void HttpService::accept_all() {
  while (true) {
    base::Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer) return;  // none left, or the client has gone already
    const int on = 1;
    ::setsockopt(peer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(epoll_.get(), peer.get());
    const int fd = peer.get();
    open_.emplace(fd, std::pair(std::move(peer), std::string()));
  }
}

bool HttpService::read(int fd, std::string& waiting) {
  std::array<char, 4096> buffer;
  const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  waiting.append(buffer.data(), static_cast<size_t>(got));
  constexpr std::string_view kEnd = "\r\n\r\n";
  size_t end = 0;
  while ((end = waiting.find(kEnd)) != std::string::npos) {
    const std::string head = waiting.substr(0, end);
    waiting.erase(0, end + kEnd.size());
    if (!answer(fd, head)) return false;
  }
  return waiting.size() <= kMaxRequest;
}

bool HttpService::answer(int fd, std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const size_t path = line.find(' '), version = line.rfind(" HTTP/1.");
  Answer answer{400, "only GET of HTTP/1\n"};
  bool again = false;
  if (line.starts_with("GET ") && version != std::string_view::npos && version > path) {
    answer = handler_(line.substr(path + 1, version - path - 1));
    again = line.ends_with(".1") && head.find("\r\nConnection: close") == std::string_view::npos;
  }
  const std::string text =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{}\r\n{}",
                  answer.status, answer.status == 200 ? "OK" : "Not OK", answer.body.size(),
                  again ? "" : "Connection: close\r\n", answer.body);
  const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  return again && sent == static_cast<ssize_t>(text.size());
}

}  // namespace ferry::workloads
