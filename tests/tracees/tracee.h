// SPDX-License-Identifier: Apache-2.0
//
// What all tracees are made of. A tracee prepares one kind of state, says READY, is moved, goes on when the file "go" appears in
// its directory (on whichever host it then is), checks its state and says PASS, or FAIL with the reason. Its output moves along.
//
// Its directory, argv[1], is empty and there on both hosts; what lies in it on one host is not on the other.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <source_location>
#include <string>

namespace tracee {

using Where = std::source_location;

constexpr int64_t kSecond_ns = 1'000'000'000;
constexpr int64_t kMillisecond_ns = 1'000'000;
constexpr long kPoll_ns = 5 * kMillisecond_ns;
// What a busy machine with two cores may add to any wait.
constexpr int64_t kSlack_ns = 300 * kMillisecond_ns;
// No timer may have less time left than it should: it would fire early. This much is rounding.
constexpr int64_t kGrain_ns = 2 * kMillisecond_ns;

inline std::string directory;     // without a slash at its end
inline int64_t longest_gap_ns;    // between two looks for "go": the pause as the tracee has seen it

// One write(2): children write to the same log.
[[noreturn]] inline void fail(const std::string& what, Where where = Where::current()) {
  ::dprintf(STDOUT_FILENO, "FAIL %s, line %u: %s\n", where.file_name(), where.line(), what.c_str());
  ::_exit(1);
}

inline void require(bool holds, const std::string& what, Where where = Where::current()) {
  if (!holds) fail(what + " (errno says " + std::strerror(errno) + ")", where);
}

// The result of a system call that must not fail.
inline long must(long result, Where where = Where::current()) {
  require(result != -1, "a system call failed", where);
  return result;
}

inline void require_equal(int64_t actual, int64_t expected, const std::string& what, Where where = Where::current()) {
  if (actual != expected) fail(what + ": " + std::to_string(actual) + ", expected " + std::to_string(expected), where);
}

inline void require_between(int64_t actual, int64_t low, int64_t high, const std::string& what, Where where = Where::current()) {
  if (actual >= low && actual <= high) return;
  fail(what + ": " + std::to_string(actual) + ", expected " + std::to_string(low) + " to " + std::to_string(high), where);
}

inline int64_t to_ns(const timespec& time) { return time.tv_sec * kSecond_ns + time.tv_nsec; }
inline timespec to_timespec(int64_t ns) { return {ns / kSecond_ns, ns % kSecond_ns}; }
inline int64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  must(::clock_gettime(clock, &now));
  return to_ns(now);
}
inline void sleep_ns(int64_t ns) {
  timespec left = to_timespec(ns);
  while (::nanosleep(&left, &left) == -1 && errno == EINTR) {
  }
}

inline void begin(int argc, char** argv) {
  require(argc == 2, "the directory is missing");
  directory = argv[1];
}
inline std::string path(const std::string& name) { return directory + "/" + name; }

// For the tasks below the root, too; those have said prepared() before.
inline void wait_for_go() {
  const std::string go = path("go");
  int64_t before = now_ns();
  while (::access(go.c_str(), F_OK) != 0) {
    sleep_ns(kPoll_ns);
    const int64_t now = now_ns();
    if (now - before > longest_gap_ns) longest_gap_ns = now - before;
    before = now;
  }
}

// What the root task calls once everything is prepared.
inline void ready_and_wait() {
  require(::write(STDOUT_FILENO, "READY\n", 6) == 6, "write");
  wait_for_go();
}

inline int pass() {
  return ::write(STDOUT_FILENO, "PASS\n", 5) == 5 ? 0 : 1;
}

// Instead of READY: this kernel, or what the tracee may do here, does not allow the behaviour at all.
[[noreturn]] inline void skip(const std::string& why) {
  ::dprintf(STDOUT_FILENO, "SKIP %s\n", why.c_str());
  ::_exit(0);
}

// Runs `body(prepared)` in a child, which exits with 0 after it; returns once the child has called prepared().
template <class Body>
pid_t fork_prepared(Body body) {
  int ends[2];
  must(::pipe(ends));
  const pid_t child = static_cast<pid_t>(must(::fork()));
  if (child == 0) {
    ::close(ends[0]);
    body([&] {
      require(::write(ends[1], "", 1) == 1, "write");
      ::close(ends[1]);
    });
    ::_exit(0);
  }
  ::close(ends[1]);
  char byte;
  require(::read(ends[0], &byte, 1) == 1, "a child ended before it was prepared");
  ::close(ends[0]);
  return child;
}

inline void expect_exit(pid_t child, int status = 0, Where where = Where::current()) {
  int actual = 0;
  require_equal(must(::waitpid(child, &actual, 0), where), child, "waitpid", where);
  require(WIFEXITED(actual), "a child was killed", where);
  require_equal(WEXITSTATUS(actual), status, "a child's exit status", where);
}

// Memory that a child shares: its content is `content` still, and each side sees what the other writes.
class SharedWithChild {
 public:
  SharedWithChild(void* memory, const std::string& content) : bytes_(static_cast<char*>(memory)), content_(content) {
    std::memcpy(memory, content.data(), content.size());
    child_ = fork_prepared([&](auto prepared) {
      prepared();
      wait_for_go();
      while (bytes_[0] != 'p') sleep_ns(kPoll_ns);
      bytes_[1] = 'c';
    });
  }
  void check() {
    require(std::memcmp(const_cast<const char*>(bytes_), content_.data(), content_.size()) == 0, "its content");
    bytes_[0] = 'p';
    expect_exit(child_);
    require(bytes_[1] == 'c', "what the other process wrote");
  }

 private:
  volatile char* bytes_;
  std::string content_;
  pid_t child_ = 0;
};

// A file of the tracee's own with that content, open for reading and writing.
inline int make_file(const std::string& name, const std::string& content, int flags = 0) {
  const int fd = static_cast<int>(must(::open(path(name).c_str(), O_RDWR | O_CREAT | O_EXCL | flags, 0600)));
  require_equal(::write(fd, content.data(), content.size()), static_cast<int64_t>(content.size()), "write");
  return fd;
}

inline std::string read_at(int fd, off_t offset, size_t size) {
  std::string content(size, '\0');
  const ssize_t got = ::pread(fd, content.data(), size, offset);
  content.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return content;
}

// One read(2).
inline std::string read_some(int fd, size_t size = 65536) {
  std::string content(size, '\0');
  const ssize_t got = ::read(fd, content.data(), size);
  require(got >= 0, "read");
  content.resize(static_cast<size_t>(got));
  return content;
}

inline std::string read_whole(const std::string& file_path) {
  const int fd = static_cast<int>(must(::open(file_path.c_str(), O_RDONLY | O_CLOEXEC)));
  std::string content;
  for (std::string part; !(part = read_some(fd)).empty();) content += part;
  ::close(fd);
  return content;
}

// `size` bytes that differ from place to place and with `seed`.
inline std::string pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  uint32_t state = seed * 2654435761U + 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  return bytes;
}

}  // namespace tracee

using namespace tracee;  // a tracee is one file with one main()
