// SPDX-License-Identifier: Apache-2.0
//
// A computation that knows how much time it lost, and whether its result is right.
//
//     compute [--seconds S] [--report S]
//
// Prints a line each second, and a last one when it is ended (SIGTERM, SIGINT) or done:
//
//     time_s=12.000 steps=3456000000 lost_ms=131.2 longest_ms=118.4 longest_at_s=7.310
//     checksum=1f6c… right=yes          (all on one line)
//
// It looks at CLOCK_MONOTONIC about every 0.2 ms. longest_ms is the longest time by which one such
// piece took longer than the quickest one, and began longest_at_s after the start: a pause of the
// process. lost_ms is the sum over all pieces, thus also what other programs took from it. Exits
// with 1 if the result is wrong.
#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <limits>

#include "base/clock.h"
#include "sequence.h"

namespace ferry::workloads {
namespace {

constexpr int64_t kPieceNs = 200'000;
constexpr uint64_t kFirstSteps = 1000;  // of a piece; doubled until it lasts long enough

std::atomic<bool> told_to_end = false;  // lock-free: written by a signal handler

struct Options {
  double seconds = std::numeric_limits<double>::infinity();
  double report_s = 1;
};

double ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }
double seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

class Computation {
 public:
  Computation() {
    while (piece() < kPieceNs) steps_ *= 2;
    best_ns_ = std::numeric_limits<int64_t>::max();
    start_ns_ = last_ns_ = base::clock_ns(CLOCK_MONOTONIC);
  }

  // One piece and what it cost.
  void work() {
    const int64_t begin = last_ns_;
    sequence_.advance(steps_);
    last_ns_ = base::clock_ns(CLOCK_MONOTONIC);
    const int64_t took = last_ns_ - begin;
    ++pieces_;
    best_ns_ = std::min(best_ns_, std::max<int64_t>(took, 0));
    if (took <= longest_ns_) return;
    longest_ns_ = took;
    longest_at_ns_ = begin - start_ns_;
  }

  int64_t elapsed_ns() const { return last_ns_ - start_ns_; }
  bool right() const { return sequence_.right(); }
  std::string line() const {
    return fmt::format(
        "time_s={:.3f} steps={} lost_ms={:.1f} longest_ms={:.1f} longest_at_s={:.3f} "
        "checksum={:016x} right={}\n",
        seconds(elapsed_ns()), sequence_.steps(), ms(elapsed_ns() - pieces_ * best_ns_),
        ms(longest_ns_ - best_ns_), seconds(longest_at_ns_), sequence_.checksum(),
        right() ? "yes" : "NO");
  }

 private:
  int64_t piece() {
    const int64_t begin = base::clock_ns(CLOCK_MONOTONIC);
    sequence_.advance(steps_);
    return base::clock_ns(CLOCK_MONOTONIC) - begin;
  }

  Sequence sequence_;
  uint64_t steps_ = kFirstSteps;
  int64_t pieces_ = 0;
  int64_t start_ns_ = 0, last_ns_ = 0, best_ns_ = 0, longest_ns_ = 0, longest_at_ns_ = 0;
};

void say(const Computation& computation) {
  std::fputs(computation.line().c_str(), stdout);
  std::fflush(stdout);
}

int run(const Options& options) {
  ::closefrom(3);  // whatever a careless parent left open
  const auto end = [](int) { told_to_end = true; };
  ::signal(SIGTERM, end);
  ::signal(SIGINT, end);
  Computation computation;
  double next_report_s = options.report_s;
  while (!told_to_end && seconds(computation.elapsed_ns()) < options.seconds) {
    computation.work();
    if (seconds(computation.elapsed_ns()) < next_report_s) continue;
    say(computation);
    next_report_s = seconds(computation.elapsed_ns()) + options.report_s;
  }
  say(computation);
  return computation.right() ? 0 : 1;
}

}  // namespace
}  // namespace ferry::workloads

int main(int argc, char** argv) {
  ferry::workloads::Options options;
  CLI::App app("a computation that knows how much time it lost");
  app.add_option("--seconds", options.seconds, "how long (default: until it is told to end)");
  app.add_option("--report", options.report_s, "seconds between two lines")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return ferry::workloads::run(options);
}
