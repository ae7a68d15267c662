// SPDX-License-Identifier: Apache-2.0
#include "bench/client_view.h"

#include <algorithm>
#include <numeric>

namespace ferry::bench {

namespace {

// The first requests of a run also open the connections.
constexpr int64_t kWarmUpNs = 300'000'000;
// Of the timeline, before a move and after it.
constexpr int64_t kShownAroundNs = 3'000'000'000;
constexpr double kClassWidth = 1.02;

double ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }

std::vector<std::pair<double, uint64_t>> classes_of(const load::Histogram& histogram) {
  std::vector<std::pair<double, uint64_t>> classes;
  double first_ms = 0;  // upper bound of the class's first bucket
  for (const auto& [upper_ns, count] : histogram.buckets()) {
    if (classes.empty() || ms(upper_ns) > first_ms * kClassWidth) {
      first_ms = ms(upper_ns);
      classes.emplace_back(first_ms, 0);
    }
    classes.back().first = ms(upper_ns);
    classes.back().second += count;
  }
  return classes;
}

std::vector<report::TimelinePoint> timeline_of(const load::Result& result, const Window& window) {
  const int64_t from_ns = std::max(window.from_ns, window.started_ns - kShownAroundNs);
  const int64_t to_ns = std::min(window.to_ns, window.ended_ns + kShownAroundNs);
  std::vector<report::TimelinePoint> points;
  int64_t at_ns = result.real(result.start_ns);
  for (const load::Bucket& bucket : result.timeline) {
    if (at_ns >= from_ns && at_ns < to_ns) {
      report::TimelinePoint point{ms(at_ns - window.started_ns), bucket.due, bucket.completed,
                                  bucket.errors, std::nullopt};
      if (bucket.worst_ns > 0) point.worst_ms = ms(bucket.worst_ns);
      points.push_back(point);
    }
    at_ns += load::kBucketNs;
  }
  return points;
}

// Some requests that are due last in it are answered after the pause only: they belong to that.
std::optional<report::Quantiles> while_copying(const load::Result& result, const report::Move& move,
                                               const Window& window) {
  constexpr double kLeftOutMs = 5;
  for (const auto& phase : move.phases) {
    if (phase.name != "copy" || phase.ms <= kLeftOutMs) continue;
    const auto at = [&](double ms) { return window.started_ns + static_cast<int64_t>(ms * 1e6); };
    return quantiles_of(result, at(phase.start_ms), at(phase.start_ms + phase.ms - kLeftOutMs));
  }
  return std::nullopt;
}

void add_counts(report::Move& move, const load::Counts& counts) {
  move.requests = move.requests.value_or(0) + std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  move.errors = move.errors.value_or(0) + load::errors_in(counts);
  move.resets = move.resets.value_or(0) + load::at(counts, load::Outcome::kReset);
  for (size_t i = 0; i < load::kOutcomes; ++i) {
    if (!load::is_error(static_cast<load::Outcome>(i)) || counts[i] == 0) continue;
    move.errors_by_kind[std::string(load::kOutcomeNames[i])] += counts[i];
  }
}

}  // namespace

std::vector<Window> windows_of(const std::vector<MadeMove>& moves, int64_t from_ns, int64_t to_ns) {
  std::vector<Window> windows;
  for (size_t i = 0; i < moves.size(); ++i) {
    const MadeMove& move = moves[i];
    Window window{from_ns, move.started_ns, move.ended_ns, move.frozen_ns, move.resumed_ns, to_ns};
    if (i > 0) window.from_ns = windows.back().to_ns;
    if (i + 1 < moves.size()) {
      window.to_ns = move.ended_ns + (moves[i + 1].started_ns - move.ended_ns) / 2;
    }
    windows.push_back(window);
  }
  return windows;
}

report::Quantiles quantiles_of(const load::Result& result, int64_t from_ns, int64_t to_ns) {
  const load::Histogram latency = result.latency_within(from_ns, to_ns);
  report::Quantiles quantiles;
  quantiles.answered = latency.count();
  quantiles.failed = load::errors_in(result.counts_within(from_ns, to_ns));
  quantiles.seconds = std::max(0.0, static_cast<double>(to_ns - from_ns) / 1e9);
  if (latency.count() == 0) return quantiles;
  quantiles.p50_ms = ms(latency.quantile(0.5));
  quantiles.p90_ms = ms(latency.quantile(0.9));
  quantiles.p99_ms = ms(latency.quantile(0.99));
  quantiles.p999_ms = ms(latency.quantile(0.999));
  quantiles.max_ms = ms(latency.max());
  quantiles.classes = classes_of(latency);
  return quantiles;
}

void add_client_view(report::Move& move, const load::Result& result, const Window& window) {
  add_counts(move, result.counts_within(window.from_ns, window.to_ns));
  int64_t served_again = window.ended_ns;
  if (window.frozen_ns != 0) {
    move.client_gap_ms = result.client_gap_ms(window.middle());
    served_again = std::max(served_again, result.gap_around(window.middle()).to_ns);
  }
  const int64_t warm = std::max(window.from_ns, result.real(result.start_ns) + kWarmUpNs);
  move.before = quantiles_of(result, warm, window.started_ns);
  move.during = quantiles_of(result, window.started_ns, served_again);
  move.after = quantiles_of(result, served_again, window.to_ns);
  move.copying = while_copying(result, move, window);
  move.worst_latency_ms = move.during->max_ms;
  move.timeline = timeline_of(result, window);
}

void add_idle_view(report::Move& move, const load::Result& idle, const Window& window) {
  add_counts(move, idle.counts_within(window.from_ns, window.to_ns));
}

}  // namespace ferry::bench
