// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <deque>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "transport/bootstrap.h"
#include "transport/channel_pipe.h"
#include "transport/ready_line.h"

namespace ferry::transport {
namespace {

// The source connects, or begins to use the pipe, within its 2 s; then its first message must come.
constexpr base::milliseconds kAcceptTimeout{30'000};
// Strangers that connect and say nothing: the oldest makes room.
constexpr size_t kMaxHandshakes = 8;

// SSH_CONNECTION: "CLIENT PORT SERVER PORT". Empty when this was not started by sshd.
std::string reached_address() {
  const char* connection = std::getenv("SSH_CONNECTION");
  std::string_view rest = connection ? connection : "";
  for (int skip = 0; skip < 2; ++skip) {
    const auto space = rest.find(' ');
    if (space == rest.npos) return {};
    rest.remove_prefix(space + 1);
  }
  return std::string(rest.substr(0, rest.find(' ')));
}

// Our own copies of the SSH streams. What anyone here prints or reads from now on must not get into
// the pipe.
base::FdPair take_streams(const AcceptOptions& options) {
  const auto copy = [](int fd) {
    base::Fd ours(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!ours) throw base::SysError("fcntl", errno, "F_DUPFD_CLOEXEC");
    return ours;
  };
  base::FdPair streams{copy(options.stdin_fd), copy(options.stdout_fd)};
  const base::Fd nothing = base::open_file("/dev/null", O_RDONLY);
  if (::dup2(nothing.get(), options.stdin_fd) < 0 || ::dup2(STDERR_FILENO, options.stdout_fd) < 0) {
    throw base::SysError("dup2", errno, "");
  }
  return streams;
}

class Reception {
 public:
  Reception(const AcceptOptions& options)
      : streams_(take_streams(options)),
        listener_(reached_address(), options.ports),
        ports_(options.ports),
        key_(random_key()) {}

  Accepted run() {
    const ReadyLine line{kProtocol, {reached_address(), listener_.port()}, key_};
    base::write_full(streams_.second.get(), format_ready_line(line));
    const auto deadline = base::mono_now() + kAcceptTimeout;
    for (;;) {
      wait(deadline);
      while (auto socket = listener_.try_accept()) add(std::move(*socket));
      if (auto channel = step_handshakes()) return accepted(std::move(channel), Way::kDirect);
      if (auto channel = try_pipe()) return accepted(std::move(channel), Way::kTunnel);
    }
  }

 private:
  struct Pending {
    TlsHandshake handshake;
    Step wants = Step::kWantRead;
  };

  void add(base::Fd socket) {
    if (pending_.size() == kMaxHandshakes) pending_.pop_front();
    pending_.push_back({TlsHandshake(std::move(socket), key_, Role::kAccepts)});
  }

  void wait(base::MonoTime deadline) {
    std::vector<pollfd> entries{{listener_.fd(), POLLIN, 0}, {streams_.first.get(), POLLIN, 0}};
    for (const Pending& one : pending_) {
      entries.push_back(
          {one.handshake.fd(), short(one.wants == Step::kWantWrite ? POLLOUT : POLLIN), 0});
    }
    const int ready = ::poll(entries.data(), entries.size(), base::ms_until(deadline));
    if (ready < 0 && errno != EINTR) throw base::SysError("poll", errno, "");
    stdin_ready_ = ready > 0 && entries[1].revents != 0;
    if (ready == 0) {
      throw base::Error({"the source did not come",
                         fmt::format("nobody with the key in {} s", kAcceptTimeout.count() / 1000),
                         "",
                         {},
                         {}});
    }
  }

  // The first that is done; those that fail are dropped, and we go on waiting.
  std::unique_ptr<Channel> step_handshakes() {
    for (auto one = pending_.begin(); one != pending_.end();) {
      try {
        one->wants = one->handshake.step();
      } catch (const base::Error& error) {
        base::log("dropped a connection: {}", error.what());
        one->wants = Step::kClosed;
      }
      if (one->wants == Step::kMoved) return one->handshake.channel();
      one = one->wants == Step::kClosed ? pending_.erase(one) : std::next(one);
    }
    return nullptr;
  }

  std::unique_ptr<Channel> try_pipe() {
    if (!stdin_ready_) return nullptr;
    std::string early(kHeaderBytes, '\0');
    const ssize_t got = ::read(streams_.first.get(), early.data(), early.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return nullptr;
    if (got <= 0) {
      throw base::Error({"the source has gone",
                         "the SSH connection closed before anything was said",
                         "",
                         {},
                         {}});
    }
    early.resize(static_cast<size_t>(got));
    return make_pipe_channel(std::move(streams_.first), std::move(streams_.second),
                             std::move(early));
  }

  Accepted accepted(std::unique_ptr<Channel> channel, Way way) {
    return {Link(std::move(channel)), way, std::move(listener_), key_, reached_address(), ports_};
  }

  base::FdPair streams_;
  Listener listener_;
  std::optional<PortRange> ports_;
  Key key_;
  std::deque<Pending> pending_;
  bool stdin_ready_ = false;
};

}  // namespace

Accepted accept_source(const AcceptOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  return Reception(options).run();
}

}  // namespace ferry::transport
