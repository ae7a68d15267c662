// SPDX-License-Identifier: Apache-2.0
//
// What a run of the load generator found, and the questions that can be asked of it. Times of
// samples are CLOCK_MONOTONIC of the host the generator ran on; all windows and instants in
// questions are CLOCK_REALTIME, because that is the clock that the hosts of one experiment share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/counter.h"
#include "load/histogram.h"

namespace ferry::load {

enum class Outcome : uint8_t {
  kOk,
  kRefused,      // nobody listened
  kReset,        // the connection was reset, or closed before the whole answer had come
  kTimeout,      // no answer in time, counted from when the request was due
  kWrongAnswer,  // a status of 400 or more, not HTTP, or the check said no
  kOverflow,     // dropped unsent: too many requests were waiting for a connection already
  kOther,        // no route, no local port, …
  kAbandoned,    // still open when the run was told to stop; not an error
};
constexpr size_t kOutcomes = 8;
constexpr std::array<std::string_view, kOutcomes> kOutcomeNames = {
    "ok", "refused", "reset", "timeout", "wrong_answer", "overflow", "other", "abandoned"};

constexpr bool is_error(Outcome outcome) {
  return outcome != Outcome::kOk && outcome != Outcome::kAbandoned;
}

using Counts = std::array<uint64_t, kOutcomes>;  // by Outcome
inline uint64_t& at(Counts& counts, Outcome outcome) {
  return counts[static_cast<size_t>(outcome)];
}
inline uint64_t at(const Counts& counts, Outcome outcome) {
  return counts[static_cast<size_t>(outcome)];
}
uint64_t errors_in(const Counts& counts);

struct Sample {
  int64_t due_ns = 0;
  int64_t sent_ns = -1;  // -1: never
  int64_t done_ns = 0;   // the whole answer was here, or the request had failed
  Outcome outcome = Outcome::kOk;

  int64_t latency_ns() const { return done_ns - due_ns; }
  bool operator==(const Sample&) const = default;
};

// 10 ms of the run.
constexpr int64_t kBucketNs = 10'000'000;
struct Bucket {
  uint32_t due = 0;        // requests due in it
  uint32_t completed = 0;  // answers that came in it
  uint32_t errors = 0;     // requests that failed in it
  int64_t worst_ns = 0;    // the longest latency of the requests *due* in it that were answered

  bool operator==(const Bucket&) const = default;
};

// A time without answers; from and to are CLOCK_REALTIME.
struct Gap {
  int64_t from_ns = 0, to_ns = 0;
  bool closed = true;  // false: one end is an end of the run, the real gap may be longer

  double ms() const { return static_cast<double>(to_ns - from_ns) / 1e6; }
};

// The first failure of its kind.
struct Example {
  Outcome outcome = Outcome::kOther;
  int64_t done_ns = 0;
  std::string message;
};

struct Setup {
  std::string url;
  double rate = 0;  // requests per second
  int connections = 0;
  bool new_connections = false;
  int64_t timeout_ns = 0;
};

struct Result {
  Setup setup;
  int64_t start_ns = 0,
          end_ns = 0;          // CLOCK_MONOTONIC: the first request was due; the last one was done
  int64_t real_offset_ns = 0;  // CLOCK_REALTIME - CLOCK_MONOTONIC at the start
  int64_t real_step_ns = 0;    // by how much that had changed at the end: somebody set the clock
  uint64_t due = 0, sent = 0;  // requests
  Counts counts{};
  uint64_t bytes_received = 0;
  uint64_t connects = 0;     // connections that were established
  uint64_t unsolicited = 0;  // connections on which something came that nobody had asked for
  double cpu_s = 0;          // of the generator itself
  Histogram latency;         // of the answered requests
  Histogram from_sent;  // of the same, but from when they were sent: what closed-loop tools (wrk,
                        // ab) show
  Histogram lag;        // how late the generator itself saw that a request was due
  std::vector<Bucket> timeline;
  std::vector<Sample> samples;  // by done_ns; empty when read from a JSON without them
  std::vector<Example> examples;
  std::optional<CounterReport> counter;

  int64_t real(int64_t mono_ns) const { return mono_ns + real_offset_ns; }
  int64_t mono(int64_t real_ns) const { return real_ns - real_offset_ns; }
  uint64_t ok() const { return at(counts, Outcome::kOk); }
  uint64_t errors() const { return errors_in(counts); }
  double seconds() const { return static_cast<double>(end_ns - start_ns) / 1e9; }

  // Latency of the answered requests: of all (ns), …
  int64_t quantile(double q) const { return latency.quantile(q); }
  // … and of those due within [from, to). These and the following need the samples.
  Histogram latency_within(int64_t from_real_ns, int64_t to_real_ns) const;
  std::optional<int64_t> quantile(double q, int64_t from_real_ns, int64_t to_real_ns) const;
  Counts counts_within(int64_t from_real_ns, int64_t to_real_ns) const;
  // The longest time between two successive answers, of those times that overlap [from, to].
  Gap longest_gap(int64_t from_real_ns, int64_t to_real_ns) const;
  // From the last answer before the instant to the first one after it: what a client sees as the
  // pause.
  Gap gap_around(int64_t real_ns) const;
  // The same in ms; nullopt when there is no answer before or none after.
  std::optional<double> client_gap_ms(int64_t real_ns) const;

  // Everything but the samples, and with them if asked for. `from_json` takes back either; throws
  // Error.
  std::string to_json(bool with_samples) const;
  static Result from_json(std::string_view text);
};

}  // namespace ferry::load
