// SPDX-License-Identifier: Apache-2.0
#include "base/subprocess.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace ferry::base {

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    kill_and_reap();
    pid_ = other.release();
  }
  return *this;
}

int Child::wait() {
  CHECK(pid_ > 0);
  int status = 0;
  while (::waitpid(pid_, &status, __WALL) < 0) {
    if (errno != EINTR) throw SysError("waitpid", errno, std::to_string(pid_));
  }
  pid_ = 0;
  return status;
}

std::optional<int> Child::try_wait() {
  CHECK(pid_ > 0);
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, WNOHANG | __WALL);
  if (got < 0) throw SysError("waitpid", errno, std::to_string(pid_));
  if (got == 0) return std::nullopt;
  pid_ = 0;
  return status;
}

bool Child::signal(int number) const { return pid_ > 0 && ::kill(pid_, number) == 0; }

void Child::kill_and_reap() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

namespace {

void place_fd(int fd, int target) {
  if (fd < 0) {
    fd = ::open("/dev/null", target == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    if (fd < 0) throw SysError("open", errno, "/dev/null");
  }
  if (fd == target) {
    ::fcntl(fd, F_SETFD, 0);
  } else if (::dup2(fd, target) < 0) {
    throw SysError("dup2", errno, "");
  }
}

[[noreturn]] void run_child(const Argv& argv, const SpawnOptions& options, int error_fd) {
  int number = 0;
  try {
    // Ferry ignores or blocks some signals; the program starts with the defaults.
    for (const int number_of : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT}) ::signal(number_of, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (options.new_session) ::setsid();
    // Lifted above 2 first: one of the three may itself be 0, 1 or 2.
    int fds[3] = {options.stdin_fd, options.stdout_fd, options.stderr_fd};
    for (int& fd : fds) {
      if (fd >= 0) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    for (int target = 0; target < 3; ++target) place_fd(fds[target], target);
    // What our own caller left open is not for the program (Linux 5.11; older kernels keep what is not close-on-exec).
    ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    for (const int fd : options.inherit) ::fcntl(fd, F_SETFD, 0);
    for (const auto& pair : options.environment) {
      const auto equals = pair.find('=');
      ::setenv(pair.substr(0, equals).c_str(), pair.c_str() + equals + 1, 1);
    }
    if (options.in_child) options.in_child();
    std::vector<char*> words;
    for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(options.program.empty() ? words[0] : options.program.c_str(), words.data());
    number = errno;
    throw SysError("exec", number, argv[0]);
  } catch (const std::exception& failure) {
    const auto written = ::write(error_fd, &number, sizeof number) +
                         ::write(error_fd, failure.what(), std::strlen(failure.what()));
    ::_exit(written > 0 ? 127 : 126);
  }
}

}  // namespace

Child spawn(const Argv& argv, const SpawnOptions& options) {
  CHECK(!argv.empty());
  FdPair error = make_pipe();
  const pid_t pid = ::fork();
  if (pid < 0) throw SysError("fork", errno, argv[0]);
  if (pid == 0) run_child(argv, options, error.second.get());
  Child child(pid);
  error.second.reset();
  int number = 0;
  if (read_full(error.first.get(), std::as_writable_bytes(std::span(&number, 1))) == sizeof number) {
    char text[512] = {};
    read_full(error.first.get(), std::as_writable_bytes(std::span(text, sizeof text - 1)));
    child.wait();
    if (number != 0) throw SysError("exec", number, argv[0]);
    throw Error({"cannot start " + argv[0], text, "", {}, {}});
  }
  return child;
}

int exit_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

namespace {

// While we write to a program that may end without reading.
class PipeSignalIgnored {
 public:
  PipeSignalIgnored() : before_(::signal(SIGPIPE, SIG_IGN)) {}
  ~PipeSignalIgnored() { ::signal(SIGPIPE, before_); }
  PipeSignalIgnored(const PipeSignalIgnored&) = delete;
  PipeSignalIgnored& operator=(const PipeSignalIgnored&) = delete;

 private:
  sighandler_t before_;
};

}  // namespace

Finished run(const Argv& argv, std::string_view input, SpawnOptions options) {
  const PipeSignalIgnored pipe_signal_ignored;
  FdPair in = make_pipe(), out = make_pipe(), err = make_pipe();
  options.stdin_fd = in.first.get();
  options.stdout_fd = out.second.get();
  options.stderr_fd = err.second.get();
  Child child = spawn(argv, options);
  in.first.reset();
  out.second.reset();
  err.second.reset();
  ::fcntl(in.second.get(), F_SETFL, O_NONBLOCK);
  Finished result;
  while (out.first || err.first) {
    if (input.empty()) in.second.reset();
    pollfd entries[3] = {{out.first.get(), POLLIN, 0}, {err.first.get(), POLLIN, 0},
                         {in.second.get(), POLLOUT, 0}};
    if (::poll(entries, 3, -1) < 0 && errno != EINTR) throw SysError("poll", errno, "");
    const auto drain = [](Fd& from, short events, std::string& into) {
      if (!from || events == 0) return;
      char chunk[16384];
      const ssize_t got = ::read(from.get(), chunk, sizeof chunk);
      if (got > 0) into.append(chunk, static_cast<size_t>(got));
      if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) from.reset();
    };
    drain(out.first, entries[0].revents, result.out);
    drain(err.first, entries[1].revents, result.err);
    if (in.second && entries[2].revents != 0) {
      const ssize_t put = ::write(in.second.get(), input.data(), std::min(input.size(), size_t{65536}));
      if (put > 0) input.remove_prefix(static_cast<size_t>(put));
      if (put < 0 && errno != EAGAIN && errno != EINTR) input = {};  // it does not want more
    }
  }
  result.status = exit_code(child.wait());
  return result;
}

}  // namespace ferry::base
