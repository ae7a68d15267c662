// SPDX-License-Identifier: Apache-2.0
#include "runtime/local_http.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/fd_message.h"

namespace ferry::runtime {

namespace {

constexpr size_t kMostAnswer = 64 << 20;  // bytes; the largest inspect answers have some 100 KB

base::Fd connect_to(const base::Path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof address.sun_path) throw base::SysError("connect", ENAMETOOLONG, path);
  std::copy(path.begin(), path.end(), address.sun_path);
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw base::SysError("socket", errno, path);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    throw base::SysError("connect", errno, path);
  }
  return fd;
}

[[noreturn]] void bad_answer(const std::string& why) {
  throw base::Error({"the daemon's answer cannot be used", why, "", {}, {}});
}

std::string read_to_end(int fd, base::milliseconds limit) {
  const auto deadline = base::mono_now() + limit;
  std::string text;
  char chunk[64 << 10];
  for (;;) {
    if (!base::wait_readable(fd, base::ms_until(deadline))) {
      bad_answer(fmt::format("it is not whole after {:.0f} s", limit.count() / 1000.0));
    }
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::SysError("read", errno, "the daemon's answer");
    if (got == 0) return text;
    text.append(chunk, static_cast<size_t>(got));
    if (text.size() > kMostAnswer) bad_answer("it does not end");
  }
}

void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw base::SysError("send", errno, "a request to the daemon");
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

}  // namespace

HttpAnswer parse_answer(std::string_view text) {
  const auto head_end = text.find("\r\n\r\n");
  const auto space = text.find(' ');
  if (!text.starts_with("HTTP/1.") || head_end == std::string_view::npos || space > head_end) {
    bad_answer("it is no HTTP");
  }
  HttpAnswer answer;
  const auto digits = text.substr(space + 1, 3);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), answer.status);
  if (parsed.ec != std::errc() || answer.status < 100) bad_answer("it has no status");
  answer.body = std::string(text.substr(head_end + 4));
  return answer;
}

HttpAnswer ask(const base::Path& socket, const HttpRequest& request, base::milliseconds limit) {
  const auto fd = connect_to(socket);
  std::string text = fmt::format("{} {} HTTP/1.0\r\nHost: localhost\r\n", request.method, request.target);
  if (!request.body.empty()) text += "Content-Type: application/json\r\n";
  text += fmt::format("Content-Length: {}\r\n\r\n{}", request.body.size(), request.body);
  send_all(fd.get(), text);
  return parse_answer(read_to_end(fd.get(), limit));
}

std::optional<pid_t> listener_at(const base::Path& socket) {
  try {
    const pid_t pid = base::peer_of(connect_to(socket).get());
    return pid > 0 ? std::optional(pid) : std::nullopt;
  } catch (const base::SysError&) {
    return std::nullopt;
  }
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const unsigned char c : text) {
    const bool plain = std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~';
    encoded += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return encoded;
}

}  // namespace ferry::runtime
