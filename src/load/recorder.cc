// SPDX-License-Identifier: Apache-2.0
#include "load/recorder.h"

#include <time.h>

#include <algorithm>
#include <limits>
#include <string>

#include "base/clock.h"

namespace ferry::load {

Recorder::Recorder(uint64_t expected_requests) {
  // Grown once, before the first request: a reallocation of 100 MB in the run would be seen in the
  // latency.
  result_.samples.reserve(expected_requests);
}

void Recorder::begin(int64_t start_ns) { result_.start_ns = result_.end_ns = start_ns; }

Bucket& Recorder::bucket(int64_t mono_ns) {
  const auto index =
      static_cast<size_t>(std::max<int64_t>(0, mono_ns - result_.start_ns) / kBucketNs);
  if (index >= result_.timeline.size()) result_.timeline.resize(index + 1);
  return result_.timeline[index];
}

void Recorder::due(int64_t due_ns, int64_t seen_ns) {
  ++result_.due;
  ++bucket(due_ns).due;
  result_.lag.record(seen_ns - due_ns);
}

void Recorder::done(const Sample& sample, std::string_view message) {
  ++at(result_.counts, sample.outcome);
  result_.samples.push_back(sample);
  result_.end_ns = std::max(result_.end_ns, sample.done_ns);
  if (sample.outcome == Outcome::kOk) {
    ++bucket(sample.done_ns).completed;
    result_.latency.record(sample.latency_ns());
    result_.from_sent.record(sample.done_ns - sample.sent_ns);
    Bucket& then = bucket(sample.due_ns);
    then.worst_ns = std::max(then.worst_ns, sample.latency_ns());
    return;
  }
  if (!is_error(sample.outcome)) return;
  ++bucket(sample.done_ns).errors;
  if (at(result_.counts, sample.outcome) == 1) {
    result_.examples.push_back({sample.outcome, sample.done_ns, std::string(message)});
  }
}

int64_t real_offset_ns() {
  int64_t best_width = std::numeric_limits<int64_t>::max(), offset = 0;
  for (int i = 0; i < 16; ++i) {  // the quickest of a few readings was not interrupted
    const int64_t before = base::mono_ns();
    const int64_t real = base::real_ns();
    const int64_t after = base::mono_ns();
    if (after - before >= best_width) continue;
    best_width = after - before;
    offset = real - (before + after) / 2;
  }
  return offset;
}

}  // namespace ferry::load
