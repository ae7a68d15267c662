// SPDX-License-Identifier: Apache-2.0
#include "load/generator.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>

#include "base/error.h"
#include "load/engine.h"

namespace ferry::load {
namespace {

constexpr double kMaxRate = 1e6;         // requests per second; one thread cannot do more
constexpr int kMaxConnections = 50'000;  // local ports to one address are about 28,000 by default
constexpr rlim_t kOtherFiles = 64;       // descriptors of the rest of the program

[[noreturn]] void usage(std::string why, std::string remedy) {
  throw base::Error({"cannot run this load test", std::move(why), std::move(remedy), {}, {}},
                    base::Exit::kUsage);
}

void check_options(const Options& options) {
  if (!(options.rate > 0 && options.rate <= kMaxRate)) {
    usage(fmt::format("a rate of {} requests per second is not possible", options.rate),
          fmt::format("choose one above 0, up to {}", kMaxRate));
  }
  if (options.connections < 1 || options.connections > kMaxConnections) {
    usage(fmt::format("{} connections are not possible", options.connections),
          fmt::format("choose 1 to {}", kMaxConnections));
  }
  if (options.duration.count() <= 0) usage("it would last no time", "give a duration above 0");
  if (options.timeout.count() <= 0)
    usage("no request could be answered in time", "give a timeout above 0");
  if (options.queue_limit == 0)
    usage("no request could wait for a connection", "give a queue of 1 or more");
  const double requests = options.rate * std::chrono::duration<double>(options.duration).count();
  if (requests > static_cast<double>(kMaxSamples)) {
    usage(fmt::format("{:.0f} requests are too many to keep a sample of each", requests),
          fmt::format("choose rate and duration so that they are at most {}", kMaxSamples));
  }
}

void allow_descriptors(int connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    throw base::SysError("getrlimit", errno, "RLIMIT_NOFILE");
  const rlim_t wanted = static_cast<rlim_t>(connections) + kOtherFiles;
  if (limit.rlim_cur >= wanted) return;
  if (limit.rlim_max < wanted) {
    base::refuse(fmt::format("cannot open {} connections", connections),
                 fmt::format("this user may have {} open files", limit.rlim_max),
                 "raise the limit (ulimit -n) or use fewer connections");
  }
  limit.rlim_cur = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    throw base::SysError("setrlimit", errno, "RLIMIT_NOFILE");
}

// By default the kernel lets a sleep last 50 us longer, to save power; here that would be latency.
class PreciseSleep {
 public:
  PreciseSleep() : before_(::prctl(PR_GET_TIMERSLACK)) { ::prctl(PR_SET_TIMERSLACK, 1); }
  ~PreciseSleep() { ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_)); }
  PreciseSleep(const PreciseSleep&) = delete;
  PreciseSleep& operator=(const PreciseSleep&) = delete;

 private:
  int before_;
};

double thread_cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

StopEvent::StopEvent() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw base::SysError("eventfd", errno, "to stop a load test");
}

void StopEvent::stop() {
  const uint64_t one = 1;
  // Fails only when it has been stopped 2^64 times already.
  [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
}

Result run(const Options& options, int stop_fd) {
  check_options(options);
  allow_descriptors(options.connections);
  const PreciseSleep precise;
  const double cpu_before = thread_cpu_s();
  Engine engine(options, stop_fd);
  Result result = engine.run();
  result.cpu_s = thread_cpu_s() - cpu_before;
  return result;
}

}  // namespace ferry::load
