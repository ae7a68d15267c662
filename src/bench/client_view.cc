// SPDX-License-Identifier: Apache-2.0
#include "bench/client_view.h"

#include <algorithm>
#include <numeric>

namespace ferry::bench {

namespace {

// The first requests of a run also open the connections.
constexpr int64_t kWarmUpNs = 300'000'000;

double ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }

Latency latency_of(const load::Histogram& histogram) {
  if (histogram.count() == 0) return {};
  return {ms(histogram.quantile(0.50)), ms(histogram.quantile(0.99))};
}

}  // namespace

ClientView view_of(const load::Result& result, const Window& window) {
  ClientView view;
  view.counts = result.counts_within(window.from_ns, window.to_ns);
  view.requests = std::accumulate(view.counts.begin(), view.counts.end(), uint64_t{0});
  view.errors = load::errors_in(view.counts);
  view.unanswered = load::at(view.counts, load::Outcome::kAbandoned);
  view.resets = load::at(view.counts, load::Outcome::kReset);

  int64_t served_again = window.ended_ns;
  if (window.frozen_ns != 0) {
    // The middle: an answer sent just before the freeze may come just after it.
    const int64_t middle = window.frozen_ns + (window.resumed_ns - window.frozen_ns) / 2;
    view.gap_ms = result.client_gap_ms(middle);
    served_again = std::max(served_again, result.gap_around(middle).to_ns);
  }
  const int64_t warm = std::max(window.from_ns, result.real(result.start_ns) + kWarmUpNs);
  const load::Histogram during = result.latency_within(window.started_ns, served_again);
  view.before = latency_of(result.latency_within(warm, window.started_ns));
  view.during = latency_of(during);
  view.after = latency_of(result.latency_within(served_again, window.to_ns));
  if (during.count() > 0) view.worst_latency_ms = ms(during.max());
  return view;
}

}  // namespace ferry::bench
