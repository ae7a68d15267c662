// SPDX-License-Identifier: Apache-2.0
//
// `ferry load-test`: requests at a fixed rate, and what became of them.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "cli/verbs.h"
#include "load/generator.h"
#include "load/summary.h"

namespace ferry::cli {
namespace {

struct Arguments {
  load::Options options;
  std::string duration, timeout = "5s";
  std::string csv;
  bool json = false, samples = false, until_eof = false;
};

// Ends the run at SIGINT, SIGTERM or, if asked to, the end of stdin. A thread, because stdin may be
// a file, which epoll does not take. The signals are blocked from the constructor on; threads made
// later inherit that.
class StopWatch {
 public:
  explicit StopWatch(bool until_eof_of_stdin) : stdin_(until_eof_of_stdin) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
    signals_ = base::Fd(::signalfd(-1, &signals, SFD_CLOEXEC));
    if (!signals_) throw base::SysError("signalfd", errno, "SIGINT and SIGTERM");
    thread_ = std::thread([this] { watch(); });
  }
  ~StopWatch() {
    leave_.stop();
    thread_.join();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;

  int fd() const { return stop_.fd(); }

 private:
  void watch() {
    pollfd fds[] = {{leave_.fd(), POLLIN, 0},
                    {signals_.get(), POLLIN, 0},
                    {stdin_ ? STDIN_FILENO : -1, POLLIN, 0}};
    while (::poll(fds, std::size(fds), -1) >= 0 || errno == EINTR) {
      if (fds[0].revents) return;
      if (fds[1].revents && signalled()) break;
      if (fds[2].revents && at_end()) break;
    }
    stop_.stop();
  }
  // Takes the signal, which would otherwise strike once it is no longer blocked.
  bool signalled() const {
    signalfd_siginfo info;
    return ::read(signals_.get(), &info, sizeof info) == sizeof info;
  }
  static bool at_end() {
    char ignored[4096];
    return ::read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
  }

  const bool stdin_;
  sigset_t before_{};
  base::Fd signals_;
  load::StopEvent leave_, stop_;
  std::thread thread_;
};

void show_live(const load::Progress& now) {
  std::fprintf(stderr, "\r\033[K%s", load::progress_line(now).c_str());
  std::fflush(stderr);
}

// As long as samples can be kept, when something else ends the run.
std::chrono::nanoseconds longest(double rate) {
  const double seconds = rate > 0 ? 0.99 * static_cast<double>(load::kMaxSamples) / rate : 1;
  return std::chrono::seconds(
      std::max<int64_t>(1, static_cast<int64_t>(std::min(seconds, 86400.0))));
}

int load_test(Arguments& arguments) {
  load::Options& options = arguments.options;
  options.timeout = base::parse_duration(arguments.timeout);
  // It is a program that ends it, and wants to know what becomes of each request.
  if (arguments.until_eof) options.grace = options.timeout + std::chrono::seconds(1);
  if (!arguments.duration.empty()) {
    options.duration = base::parse_duration(arguments.duration);
  } else {
    options.duration = arguments.until_eof ? longest(options.rate) : std::chrono::seconds(10);
  }
  const bool live = ::isatty(STDERR_FILENO) == 1;
  if (live) options.progress = show_live;

  base::Fd csv;  // opened first: a path that cannot be written must not cost a whole run
  if (!arguments.csv.empty()) csv = base::open_file(arguments.csv, O_WRONLY | O_CREAT | O_TRUNC);
  const StopWatch watch(arguments.until_eof);
  const load::Result result = load::run(options, watch.fd());
  if (live) std::fputs("\r\033[K", stderr);
  if (csv) base::write_full(csv.get(), load::timeline_csv(result));
  const std::string text =
      arguments.json ? result.to_json(arguments.samples) + "\n" : load::summary(result);
  base::write_full(STDOUT_FILENO, text);
  return static_cast<int>(result.sent > 0 ? base::Exit::kDone : base::Exit::kFailed);
}

}  // namespace

void add_load_test(CLI::App& app, int& exit_code) {
  auto* verb =
      app.add_subcommand("load-test", "send requests at a fixed rate and measure the answers");
  auto arguments = std::make_shared<Arguments>();
  load::Options& options = arguments->options;
  options.rate = 1000;
  options.connections = 10;
  verb->add_option("url", options.url, "http://HOST:PORT/PATH")->required();
  verb->add_option("--rate", options.rate, "requests per second")->capture_default_str();
  verb->add_option("--connections", options.connections, "how many at a time")
      ->capture_default_str();
  verb->add_option("--duration", arguments->duration,
                   "such as 30s (default: 10s, or until the end of stdin)");
  verb->add_option("--timeout", arguments->timeout, "from when a request was due")
      ->capture_default_str();
  verb->add_option("--queue", options.queue_limit, "requests that may wait for a free connection")
      ->capture_default_str();
  verb->add_flag("--new-connections", options.new_connections,
                 "one for each request instead of keep-alive");
  verb->add_flag("--counter", options.counter,
                 "answers are a counter's next number each: show that none is lost or repeated");
  verb->add_flag("--json", arguments->json, "the whole result as JSON");
  verb->add_flag("--samples", arguments->samples, "with --json: every single request too");
  verb->add_option("--csv", arguments->csv, "write the timeline, in steps of 10 ms, to this file");
  verb->add_flag("--until-eof-of-stdin", arguments->until_eof, "end early when stdin ends, and all that is open by then has been answered or has failed");
  verb->callback([arguments, &exit_code] { exit_code = load_test(*arguments); });
}

}  // namespace ferry::cli
