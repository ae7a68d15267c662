// SPDX-License-Identifier: Apache-2.0
#include "transport/ssh_session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "transport/channel_pipe.h"

namespace ferry::transport {
namespace {

// ssh's own bound for reaching the host; ours for all of the bootstrap is longer.
constexpr std::string_view kConnectTimeout = "ConnectTimeout=10";
// How long ssh may take to deliver the last bytes of a tunnel, and to end when it is told to.
constexpr base::milliseconds kDrain{1'000}, kEnd{300};
constexpr size_t kMaxErrorBytes = size_t{64} << 10;  // of stderr, the last that are looked at

}  // namespace

base::Argv ssh_argv(const Destination& destination, const std::vector<std::string>& options,
                    const std::string& command) {
  const char* program = std::getenv("FERRY_SSH");
  base::Argv argv{program && *program ? program : "ssh"};
  for (const auto& option : options) {  // ssh takes the first value it is given
    if (!option.starts_with('-')) argv.push_back("-o");
    argv.push_back(option);
  }
  argv.insert(argv.end(),
              {"-T", "-a", "-x", "-o", "BatchMode=yes", "-o", std::string(kConnectTimeout), "-o",
               "LogLevel=INFO", "-o", "ServerAliveInterval=5"});
  argv.insert(argv.end(), {"--", destination.text(), command});
  return argv;
}

SshSession::SshSession(const Destination& destination, const std::vector<std::string>& ssh_options,
                       const std::string& command)
    : host_(destination.host), errors_(::memfd_create("ferry-ssh-errors", MFD_CLOEXEC)) {
  if (!errors_ || ::fcntl(errors_.get(), F_SETFL, O_APPEND) < 0) {
    throw base::SysError("memfd_create", errno, "");
  }
  base::FdPair in = base::make_pipe(), out = base::make_pipe();
  const base::Argv argv = ssh_argv(destination, ssh_options, command);
  base::SpawnOptions options{in.first.get(), out.second.get(), errors_.get()};
  options.environment = {"LC_ALL=C"};  // its messages are looked for causes
  options.new_session = true;          // Ctrl-C is for us; ssh may be carrying what we answer to it
  try {
    child_ = base::spawn(argv, options);
  } catch (const base::SysError& error) {
    throw base::Error({"cannot start ssh",
                       error.what(),
                       "install openssh-client, or name another program in FERRY_SSH",
                       {},
                       {}});
  }
  to_ = std::move(in.second);
  from_ = std::move(out.first);
  if (::fcntl(to_.get(), F_SETFL, O_NONBLOCK) < 0)
    throw base::SysError("fcntl", errno, "O_NONBLOCK");
}

SshSession::~SshSession() {
  to_.reset();
  from_.reset();
  if (is_link_ && wait_exit(kDrain)) return;
  if (!child_) return;
  // Its own session, so its own group: a ProxyCommand is in it and may wait for ever.
  ::kill(-child_.pid(), SIGTERM);
  (void)wait_exit(kEnd);  // a Child that is left is killed
}

bool SshSession::write(std::string_view data, int wake_fd) {
  while (!data.empty()) {
    const ssize_t put = ::write(to_.get(), data.data(), data.size());
    if (put >= 0) {
      data.remove_prefix(static_cast<size_t>(put));
      continue;
    }
    if (errno == EPIPE) return false;
    if (errno != EAGAIN && errno != EINTR) throw base::SysError("write", errno, "to ssh");
    pollfd entries[2] = {{to_.get(), POLLOUT, 0}, {wake_fd, POLLIN, 0}};
    const int ready = ::poll(entries, 2, static_cast<int>(kStallTimeout.count()));
    if (ready < 0 && errno != EINTR) throw base::SysError("poll", errno, "");
    if (ready > 0 && entries[1].revents != 0) {
      throw base::Error({"cancelled", "", "", {}, {}}, base::Exit::kCancelled);
    }
    if (ready == 0) {
      throw base::Error({fmt::format("copying ferry to {} hangs", host_),
                         fmt::format("ssh took nothing for {} s", kStallTimeout.count() / 1000),
                         "check the network between the hosts",
                         {},
                         {}});
    }
  }
  return true;
}

std::unique_ptr<Channel> SshSession::take_channel(std::string early) {
  is_link_ = true;
  return make_pipe_channel(std::move(from_), std::move(to_), std::move(early));
}

std::string SshSession::errors() const {
  const off_t size = ::lseek(errors_.get(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(kMaxErrorBytes));
  std::string text(static_cast<size_t>(size - from), '\0');
  const ssize_t got = ::pread(errors_.get(), text.data(), text.size(), from);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

std::optional<int> SshSession::wait_exit(base::milliseconds patience) {
  if (exit_code_) return exit_code_;
  const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child_.pid(), 0)));
  if (pidfd && !base::wait_readable(pidfd.get(), static_cast<int>(patience.count())))
    return std::nullopt;
  if (const auto status = child_.try_wait()) exit_code_ = base::exit_code(*status);
  return exit_code_;
}

}  // namespace ferry::transport
