// SPDX-License-Identifier: Apache-2.0
#include "bench/pgbench_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "load/recorder.h"

namespace ferry::bench {

namespace {

constexpr int64_t kUs = 1'000;

load::Sample sample_from(const std::string& line) {
  std::istringstream words(line);
  int64_t client = 0, number = 0, latency_us = 0, script = 0, seconds = 0, us = 0, lag_us = 0;
  if (!(words >> client >> number >> latency_us >> script >> seconds >> us >> lag_us)) {
    throw base::Error({"cannot understand pgbench", "its log says: " + line, "", {}, {}});
  }
  load::Sample sample;
  sample.done_ns = (seconds * 1'000'000 + us) * kUs;
  sample.due_ns = sample.done_ns - latency_us * kUs;
  sample.sent_ns = sample.due_ns + lag_us * kUs;
  return sample;
}

}  // namespace

load::Result parse_pgbench_log(std::string_view log, const load::Setup& setup) {
  std::vector<load::Sample> samples;
  int64_t aborted = 0;
  std::istringstream lines{std::string(log)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("aborted ")) {
      aborted += std::strtoll(line.c_str() + 8, nullptr, 10);
    } else {
      samples.push_back(sample_from(line));
    }
  }
  if (samples.empty()) throw base::Error({"pgbench has made no transaction", "", "", {}, {}});
  std::ranges::stable_sort(samples, {}, &load::Sample::done_ns);
  // When a client was lost is not in the log; the last that is known is the best that can be said.
  load::Sample lost = samples.back();
  lost.outcome = load::Outcome::kReset;
  samples.insert(samples.end(), static_cast<size_t>(aborted), lost);

  load::Recorder recorder(samples.size());
  recorder.begin(std::ranges::min(samples, {}, &load::Sample::due_ns).due_ns);
  for (const load::Sample& sample : samples) {
    recorder.due(sample.due_ns, sample.due_ns);
    recorder.sent();
    recorder.done(sample, "a client of pgbench has lost its connection");
  }
  recorder.result().setup = setup;
  return std::move(recorder.result());
}

}  // namespace ferry::bench
