// SPDX-License-Identifier: Apache-2.0
#include "migration/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace ferry::migration {

namespace {

// A round is worth its while when it takes so much off what is to be sent in the pause.
constexpr double kWorthwhile_ms = 2;
// Fewer dirty bytes than the best round before by this factor: progress.
constexpr double kShrinks = 0.9;
// Working sets breathe: one round that is no better than the one before proves nothing.
constexpr int kRoundsWithoutGain = 3;
// Slowed already, it is known not to be a working set that breathes. The steps are QEMU's.
constexpr int kRoundsWithoutGainSlowed = 1;
constexpr int kFirstThrottle = 20, kThrottleStep = 10;

// Of which nothing is known yet: a gigabit. Else gigabytes would seem to take no time.
constexpr double kUnmeasured_bytes_per_ms = 125'000;

// Memory that tasks share is read once more, beside the dump.
constexpr double kLookedAt_bytes_per_ms = 2'000'000;

double throughput(const Outlook& outlook) {
  return outlook.bytes_per_ms > 0 ? outlook.bytes_per_ms : kUnmeasured_bytes_per_ms;
}

double send_ms(const Outlook& outlook) { return static_cast<double>(outlook.dirty_bytes) / throughput(outlook); }

// What sending in the pause would lose by sending the dirty pages first, while it goes on writing at the rate that it has
// written. Also where the dump takes longer than that: on few CPUs they are in each other's way.
double gain_of_another_round_ms(const Outlook& outlook) {
  const double send = send_ms(outlook);
  const double written_meanwhile = outlook.since_ms > 0 ? std::min(1.0, send / outlook.since_ms) : 0;
  return send * (1 - written_meanwhile);
}

std::string rates(const Outlook& outlook) {
  const double written = outlook.since_ms > 0 ? static_cast<double>(outlook.dirty_bytes) / outlook.since_ms : 0;
  return fmt::format("it writes {}, the copy runs at {}", base::format_rate(written * 1000),
                     base::format_rate(throughput(outlook) * 1000));
}

}  // namespace

double FreezePolicy::expected_pause_ms(const Outlook& outlook) {
  return std::max({send_ms(outlook), outlook.dump_ms, static_cast<double>(outlook.shared_bytes) / kLookedAt_bytes_per_ms}) + outlook.rest_ms;
}

FreezeDecision FreezePolicy::next(const Outlook& outlook) {
  auto decision = decide(outlook);
  decision.throttle = throttle_;
  if (throttle_ > 0 && decision.step != FreezeDecision::Step::kCopy) decision.why += fmt::format("; it was slowed by {} % before", throttle_);
  return decision;
}

FreezeDecision FreezePolicy::decide(const Outlook& outlook) {
  ++rounds_;
  const bool progress = !least_ || static_cast<double>(outlook.dirty_bytes) < kShrinks * static_cast<double>(*least_);
  without_progress_ = progress ? 0 : without_progress_ + 1;
  least_ = std::min(outlook.dirty_bytes, least_.value_or(outlook.dirty_bytes));

  const double pause = expected_pause_ms(outlook);
  const bool worth_it = gain_of_another_round_ms(outlook) >= kWorthwhile_ms;
  if (!worth_it && pause <= goal_.limit_ms) {
    return {FreezeDecision::Step::kFreeze, pause,
            fmt::format("{} are left to send, a pause of about {} is expected", base::format_bytes(outlook.dirty_bytes),
                        base::format_ms(pause))};
  }
  const int patience = throttle_ > 0 ? kRoundsWithoutGainSlowed : kRoundsWithoutGain;
  const bool out_of_patience = without_progress_ >= patience || rounds_ >= kMostRounds;
  if (out_of_patience && pause <= goal_.limit_ms) {
    return {FreezeDecision::Step::kFreeze, pause,
            fmt::format("more rounds make it no shorter, and a pause of about {} fits the limit", base::format_ms(pause))};
  }
  const bool is_of_state = send_ms(outlook) <= outlook.dump_ms + kWorthwhile_ms;
  if (is_of_state && (!worth_it || out_of_patience)) {
    return settle_for(outlook, "its state takes that long, and memory has no more part in it");
  }
  if (out_of_patience) {
    if (throttle_ < most_throttle_) return slow_down(outlook);
    return settle_for(outlook, fmt::format("more rounds no longer help: {}", rates(outlook)));
  }
  return {FreezeDecision::Step::kCopy, pause, {}};
}

FreezeDecision FreezePolicy::slow_down(const Outlook& outlook) {
  throttle_ = std::min(most_throttle_, throttle_ == 0 ? kFirstThrottle : throttle_ + kThrottleStep);
  rounds_ = without_progress_ = 0;
  least_ = outlook.dirty_bytes;
  return {FreezeDecision::Step::kCopy, expected_pause_ms(outlook), {}, throttle_};
}

// Longer than the limit, which is only a goal; never longer than the promise.
FreezeDecision FreezePolicy::settle_for(const Outlook& outlook, const std::string& why) const {
  const double pause = expected_pause_ms(outlook);
  const bool breaks_promise = goal_.max_ms && pause > *goal_.max_ms;
  return {breaks_promise ? FreezeDecision::Step::kCancel : FreezeDecision::Step::kFreeze, pause,
          fmt::format("a pause of about {} is expected, the limit is {}; {}", base::format_ms(pause),
                      base::format_ms(breaks_promise ? *goal_.max_ms : goal_.limit_ms), why)};
}

}  // namespace ferry::migration
