// SPDX-License-Identifier: Apache-2.0
//
// The open-loop load generator. Requests are due on a schedule whatever the service does, and
// latency counts from when a request was due: a service that stalls for 300 ms is charged with
// every request that should have been answered meanwhile (no coordinated omission).
//
// `run` blocks; give it a thread of its own, and a StopEvent to end it early from another one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "load/result.h"

namespace ferry::load {

// Says what is wrong with the body of an answer, if anything. Called on the generator's thread.
using Check = std::function<std::optional<std::string>(std::string_view body)>;

// About 700 MB of samples; a run that would need more is refused.
constexpr uint64_t kMaxSamples = 20'000'000;

struct Progress {
  double elapsed_s = 0;
  uint64_t sent = 0, ok = 0, errors = 0;
  uint64_t waiting = 0;        // due, and neither answered nor failed
  double recent_worst_ms = 0;  // latency, since the last call
};

struct Options {
  std::string url;  // "http://host:port/path"
  double rate = 0;  // requests per second
  int connections = 1;
  std::chrono::nanoseconds duration{};
  bool new_connections = false;  // one for each request, at most `connections` at a time
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);  // from when the request was due
  std::chrono::nanoseconds grace = std::chrono::seconds(1);    // for what is open when the run is ended early
  size_t queue_limit = 100'000;  // requests due that wait for a free connection
  Check check;
  bool counter = false;                           // answers are numbers of a counter: see counter.h
  std::function<void(const Progress&)> progress;  // four times a second, on the generator's thread
};

// Ends a run from any thread, or from a signal handler.
class StopEvent {
 public:
  StopEvent();
  void stop();
  int fd() const { return fd_.get(); }

 private:
  base::Fd fd_;
};

// Returns when all requests have been answered or have failed. Once `stop_fd` (if any) is readable,
// no more requests are made and those that are open get the grace. Throws Error for options
// that make no sense; a service that cannot be reached is a Result.
Result run(const Options& options, int stop_fd = -1);

}  // namespace ferry::load
