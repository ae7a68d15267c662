// SPDX-License-Identifier: Apache-2.0
#include "load/result.h"

#include <algorithm>

namespace ferry::load {
namespace {

// The answered requests' done_ns, ascending as the samples are.
std::vector<int64_t> answer_times(const std::vector<Sample>& samples) {
  std::vector<int64_t> times;
  times.reserve(samples.size());
  for (const Sample& sample : samples) {
    if (sample.outcome == Outcome::kOk) times.push_back(sample.done_ns);
  }
  return times;
}

}  // namespace

uint64_t errors_in(const Counts& counts) {
  uint64_t errors = 0;
  for (size_t i = 0; i < kOutcomes; ++i) {
    if (is_error(static_cast<Outcome>(i))) errors += counts[i];
  }
  return errors;
}

Histogram Result::latency_within(int64_t from_real_ns, int64_t to_real_ns) const {
  Histogram window;
  for (const Sample& sample : samples) {
    const int64_t due_real = real(sample.due_ns);
    if (sample.outcome == Outcome::kOk && due_real >= from_real_ns && due_real < to_real_ns) {
      window.record(sample.latency_ns());
    }
  }
  return window;
}

std::optional<int64_t> Result::quantile(double q, int64_t from_real_ns, int64_t to_real_ns) const {
  const Histogram window = latency_within(from_real_ns, to_real_ns);
  if (window.count() == 0) return std::nullopt;
  return window.quantile(q);
}

Counts Result::counts_within(int64_t from_real_ns, int64_t to_real_ns) const {
  Counts within{};
  for (const Sample& sample : samples) {
    const int64_t due_real = real(sample.due_ns);
    if (due_real >= from_real_ns && due_real < to_real_ns) ++at(within, sample.outcome);
  }
  return within;
}

Gap Result::longest_gap(int64_t from_real_ns, int64_t to_real_ns) const {
  const int64_t from = mono(from_real_ns), to = mono(to_real_ns);
  Gap longest{real(start_ns), real(start_ns), false};
  const auto offer = [&](int64_t begin, int64_t end, bool closed) {
    if (end < from || begin > to) return;
    if (end - begin > longest.to_ns - longest.from_ns) longest = {real(begin), real(end), closed};
  };
  int64_t before = start_ns;
  bool first = true;
  for (const int64_t done : answer_times(samples)) {
    offer(before, done, !first);
    before = done;
    first = false;
  }
  offer(before, end_ns, false);
  return longest;
}

Gap Result::gap_around(int64_t real_ns) const {
  const std::vector<int64_t> times = answer_times(samples);
  const auto after = std::upper_bound(times.begin(), times.end(), mono(real_ns));
  const bool has_before = after != times.begin(), has_after = after != times.end();
  return {real(has_before ? *(after - 1) : start_ns), real(has_after ? *after : end_ns),
          has_before && has_after};
}

std::optional<double> Result::client_gap_ms(int64_t real_ns) const {
  const Gap gap = gap_around(real_ns);
  if (!gap.closed) return std::nullopt;
  return gap.ms();
}

}  // namespace ferry::load
