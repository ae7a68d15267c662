// SPDX-License-Identifier: Apache-2.0
//
// One owner for a file descriptor, and the reads and writes that go all the way. Everything here throws
// SysError when the kernel says no; a file that may be missing is a `try_`.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ferry::base {

using Path = std::filesystem::path;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();
  Fd dup() const;  // close-on-exec

 private:
  int fd_ = -1;
};

struct FdPair {
  Fd first, second;
};

// All close-on-exec.
Fd open_file(const Path& path, int flags, mode_t mode = 0644);
std::optional<Fd> try_open_file(const Path& path, int flags, mode_t mode = 0644);
FdPair make_pipe();                  // first: read end, second: write end
FdPair make_socketpair(int type);    // AF_UNIX

// Reads until `buffer` is full or the end of the file; returns the bytes read.
size_t read_full(int fd, std::span<std::byte> buffer);
void write_full(int fd, std::span<const std::byte> data);
void write_full(int fd, std::string_view data);

std::string read_file(const Path& path);
std::optional<std::string> try_read_file(const Path& path);
// Plain write to an existing file (kernel interfaces: cgroup, sysctl, proc).
void write_file(const Path& path, std::string_view text);
// The new content is there whole or not at all: temporary file, rename; with kYes also after a crash of the machine (fsync).
enum class Durable { kNo, kYes };
void replace_file(const Path& path, std::string_view text, Durable durable = Durable::kYes);

// True when `fd` is readable (or at its end) before `timeout_ms` is over; -1 waits for ever.
[[nodiscard]] bool wait_readable(int fd, int timeout_ms);

}  // namespace ferry::base
