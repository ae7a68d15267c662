// SPDX-License-Identifier: Apache-2.0
//
// For tests: a service on 127.0.0.1 whose behaviour on each connection is a function. A thread per
// connection; all have ended when the object has gone.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "load/generator.h"

namespace ferry::load {

// One client's connection. Blocking.
class TestPeer {
 public:
  explicit TestPeer(int fd) : fd_(fd) {}

  // False when the client has closed. A request of HTTP is over at an empty line.
  bool read_request() { return read_until("\r\n\r\n").has_value(); }
  // Up to and with `last`.
  std::optional<std::string> read_until(std::string_view last) {
    while (true) {
      if (const size_t end = waiting_.find(last); end != std::string::npos) {
        std::string text = waiting_.substr(0, end + last.size());
        waiting_.erase(0, text.size());
        return text;
      }
      char buffer[4096];
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return std::nullopt;
      waiting_.append(buffer, static_cast<size_t>(got));
    }
  }
  void say(std::string_view text) { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  void answer(std::string_view body, std::string_view status = "200 OK") {
    say(fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body));
  }
  // Closing will then send a reset.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  int fd_;
  std::string waiting_;
};

class TestService {
 public:
  using Behaviour = std::function<void(TestPeer&)>;  // the connection is closed when it returns

  explicit TestService(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    listener_ = base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, length) != 0 || ::listen(listener_.get(), 1024) != 0 ||
        ::getsockname(listener_.get(), generic, &length) != 0) {
      throw std::runtime_error("no socket on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~TestService() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : peers_) thread.join();
  }

  std::string url(std::string_view path = "/", std::string_view scheme = "http") const {
    return fmt::format("{}://127.0.0.1:{}{}", scheme, port_, path);
  }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      peers_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    TestPeer peer(fd);
    behaviour_(peer);
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  const Behaviour behaviour_;
  base::Fd listener_;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> peers_;
};

inline Options options_for(const std::string& url, double rate = 200,
                           std::chrono::nanoseconds duration = std::chrono::milliseconds(500)) {
  Options options;
  options.url = url;
  options.rate = rate;
  options.duration = duration;
  options.connections = 4;
  options.timeout = std::chrono::seconds(2);
  return options;
}

inline void answer_ok(TestPeer& peer) {
  while (peer.read_request()) peer.answer("ok\n");
}

// Every request has ended, and once.
inline void expect_each_request_once(const Result& result) {
  uint64_t ends = 0;
  for (const uint64_t count : result.counts) ends += count;
  EXPECT_EQ(ends, result.due);
  EXPECT_EQ(result.samples.size(), result.due);
}

}  // namespace ferry::load
