// SPDX-License-Identifier: Apache-2.0
#include "load/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace ferry::load {

int Connection::connect(const Address& address) {
  fd_ =
      base::Fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return errno;
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_.get(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    close();
    return error;
  }
  state_ = State::kConnecting;
  return 0;
}

int Connection::finish_connect() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == 0) state_ = State::kOpen;
  return error;
}

Io Connection::send(std::string_view data) {
  const ssize_t sent = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
  if (sent >= 0) return {.bytes = static_cast<size_t>(sent)};
  return {.error = errno == EAGAIN || errno == EINTR ? 0 : errno};
}

Io Connection::receive(std::span<char> buffer) {
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got >= 0) return {.bytes = static_cast<size_t>(got), .end = got == 0};
  return {.error = errno == EAGAIN || errno == EINTR ? 0 : errno};
}

void Connection::close() {
  fd_.reset();
  state_ = State::kClosed;
}

void Connection::close_hard() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

Outcome outcome_of(int error) {
  switch (error) {
    case ECONNREFUSED:
      return Outcome::kRefused;
    case ECONNRESET:
    case EPIPE:
      return Outcome::kReset;
    case ETIMEDOUT:
      return Outcome::kTimeout;
    default:
      return Outcome::kOther;
  }
}

}  // namespace ferry::load
