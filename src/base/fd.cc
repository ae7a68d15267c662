// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::base {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Fd Fd::dup() const {
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw SysError("fcntl", errno, "F_DUPFD_CLOEXEC");
  return Fd(copy);
}

std::optional<Fd> try_open_file(const Path& path, int flags, mode_t mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return std::nullopt;
  return Fd(fd);
}

Fd open_file(const Path& path, int flags, mode_t mode) {
  auto fd = try_open_file(path, flags, mode);
  if (!fd) throw SysError("open", errno, path.string());
  return std::move(*fd);
}

FdPair make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) throw SysError("pipe2", errno, "");
  return {Fd(fds[0]), Fd(fds[1])};
}

FdPair make_socketpair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0) {
    throw SysError("socketpair", errno, "");
  }
  return {Fd(fds[0]), Fd(fds[1])};
}

size_t read_full(int fd, std::span<std::byte> buffer) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + done, buffer.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SysError("read", errno, "");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

void write_full(int fd, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t put = ::write(fd, data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw SysError("write", errno, "");
    data = data.subspan(static_cast<size_t>(put));
  }
}

void write_full(int fd, std::string_view data) { write_full(fd, std::as_bytes(std::span(data))); }

namespace {

std::string read_all(int fd, const Path& path) {
  // /proc and /sys files have no size: read until they end.
  std::string text;
  char chunk[16384];
  for (;;) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SysError("read", errno, path.string());
    if (got == 0) return text;
    text.append(chunk, static_cast<size_t>(got));
  }
}

}  // namespace

std::string read_file(const Path& path) {
  return read_all(open_file(path, O_RDONLY).get(), path);
}

std::optional<std::string> try_read_file(const Path& path) {
  auto fd = try_open_file(path, O_RDONLY);
  if (!fd) return std::nullopt;
  try {
    return read_all(fd->get(), path);
  } catch (const SysError&) {
    return std::nullopt;  // /proc/PID/… of a task that has just gone reads ESRCH
  }
}

void write_file(const Path& path, std::string_view text) {
  const Fd fd = open_file(path, O_WRONLY);
  // One write(2): kernel interfaces take a value per call.
  ssize_t put;
  do {
    put = ::write(fd.get(), text.data(), text.size());
  } while (put < 0 && errno == EINTR);
  if (put < 0) throw SysError("write", errno, path.string());
}

void replace_file(const Path& path, std::string_view text, Durable durable) {
  const Path temporary = path.string() + ".new";
  {
    const Fd fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    write_full(fd.get(), text);
    if (durable == Durable::kYes && ::fsync(fd.get()) < 0) {
      throw SysError("fsync", errno, temporary.string());
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) < 0) throw SysError("rename", errno, path.string());
  if (durable == Durable::kNo) return;
  const Path parent = path.has_parent_path() ? path.parent_path() : Path(".");
  const Fd directory = open_file(parent, O_RDONLY | O_DIRECTORY);
  if (::fsync(directory.get()) < 0) throw SysError("fsync", errno, parent.string());
}

bool wait_readable(int fd, int timeout_ms) {
  const auto deadline = mono_now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    pollfd entry{fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, timeout_ms < 0 ? -1 : ms_until(deadline));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) throw SysError("poll", errno, "");
  }
}

}  // namespace ferry::base
