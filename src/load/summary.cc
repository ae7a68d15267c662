// SPDX-License-Identifier: Apache-2.0
#include "load/summary.h"

#include <fmt/format.h>

#include <iterator>

#include "base/clock.h"

namespace ferry::load {
namespace {

// A generator that was late more often than this has measured itself.
constexpr double kLagQuantile = 0.999;
constexpr int64_t kLagLimitNs = 5'000'000;
constexpr int64_t kClockStepNs = 1'000'000;


std::string latency_line(std::string_view label, const Histogram& latency) {
  if (latency.count() == 0) return {};
  return fmt::format(
      "  {:<10} p50 {:.3f} ms · p90 {:.3f} · p99 {:.3f} · p99.9 {:.3f} · worst {:.3f}\n", label,
      base::as_ms(latency.quantile(0.5)), base::as_ms(latency.quantile(0.9)), base::as_ms(latency.quantile(0.99)),
      base::as_ms(latency.quantile(0.999)), base::as_ms(latency.max()));
}

std::string errors_lines(const Result& result) {
  std::string text;
  for (const Example& example : result.examples) {
    if (!is_error(example.outcome)) continue;
    text +=
        fmt::format("    {} {}, the first at {:.3f} s: {}\n", at(result.counts, example.outcome),
                    kOutcomeNames[static_cast<size_t>(example.outcome)],
                    static_cast<double>(example.done_ns - result.start_ns) / 1e9, example.message);
  }
  return text;
}

std::string counter_line(const CounterReport& counter) {
  if (counter.received == 0) return "  counter    no number came\n";
  return fmt::format(
      "  counter    {} to {}: {} received, {} repeated, {} backwards, {} missing of which {} "
      "unaccounted for: {}\n",
      counter.first, counter.last, counter.received, counter.repeated, counter.backwards,
      counter.missing, counter.unaccounted, counter.holds() ? "nothing lost" : "LOST OR REPEATED");
}

std::string warnings(const Result& result) {
  std::string text;
  if (result.lag.quantile(kLagQuantile) > kLagLimitNs) {
    text += fmt::format(
        "  careful    the generator itself was late (p99.9 {:.1f} ms): this machine is too busy\n",
        base::as_ms(result.lag.quantile(kLagQuantile)));
  }
  if (std::abs(result.real_step_ns) > kClockStepNs) {
    text += fmt::format("  careful    the clock was set by {:.1f} ms meanwhile\n",
                        base::as_ms(result.real_step_ns));
  }
  if (result.unsolicited > 0) {
    text += fmt::format("  careful    {} times something came that was not asked for\n",
                        result.unsolicited);
  }
  return text;
}

}  // namespace

std::string summary(const Result& result) {
  const double seconds = result.seconds();
  std::string text = fmt::format(
      "{}: {:.0f} requests/s on {} {} for {:.1f} s\n", result.setup.url, result.setup.rate,
      result.setup.connections,
      result.setup.new_connections ? "new connections at a time" : "connections", seconds);
  text += fmt::format(
      "  requests   {} due, {} sent, {} answered ({:.1f}/s), {} failed", result.due, result.sent,
      result.ok(), seconds > 0 ? static_cast<double>(result.ok()) / seconds : 0.0, result.errors());
  if (const uint64_t cut = at(result.counts, Outcome::kAbandoned))
    text += fmt::format(", {} cut short", cut);
  text += "\n" + errors_lines(result) + latency_line("latency", result.latency) +
          latency_line("from sent", result.from_sent);
  if (result.ok() > 1) {
    const Gap gap = result.longest_gap(result.real(result.start_ns), result.real(result.end_ns));
    text += fmt::format(
        "  silence    {:.3f} ms was the longest time without an answer, from {:.3f} s{}\n",
        gap.ms(), static_cast<double>(result.mono(gap.from_ns) - result.start_ns) / 1e9,
        gap.closed ? "" : " (at an end of the run)");
  }
  if (result.counter) text += counter_line(*result.counter);
  return text + warnings(result);
}

std::string progress_line(const Progress& now) {
  return fmt::format("{:6.1f} s  {} answered  {} failed  {} waiting  worst of late {:.1f} ms",
                     now.elapsed_s, now.ok, now.errors, now.waiting, now.recent_worst_ms);
}

std::string timeline_csv(const Result& result) {
  std::string text = "time_ms,realtime_ns,due,completed,errors,worst_ms\n";
  int64_t at_ns = 0;
  for (const Bucket& bucket : result.timeline) {
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{},{:.3f}\n", at_ns / 1'000'000,
                   result.real(result.start_ns + at_ns), bucket.due, bucket.completed,
                   bucket.errors, base::as_ms(bucket.worst_ns));
    at_ns += kBucketNs;
  }
  return text;
}

}  // namespace ferry::load
