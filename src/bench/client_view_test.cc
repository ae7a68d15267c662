// SPDX-License-Identifier: Apache-2.0
//
// A made-up run: a request every 10 ms, answered after 1 ms, but for a pause from 1,000 to 1,300 ms
// in which what is due is answered at its end.
#include "bench/client_view.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ferry::bench {
namespace {

using base::kNsPerMs;

constexpr int64_t kRealAhead = 5'000 * kNsPerMs;

load::Result run_with_pause() {
  load::Result result;
  result.start_ns = 100 * kNsPerMs;
  result.real_offset_ns = kRealAhead;
  for (int64_t due = 100; due < 2'100; due += 10) {
    const int64_t at = due - 100;  // since the start
    const bool paused = at >= 1'000 && at < 1'300;
    const int64_t done = paused ? 1'401 : due + 1;
    result.samples.push_back({due * kNsPerMs, due * kNsPerMs, done * kNsPerMs, load::Outcome::kOk});
  }
  std::ranges::stable_sort(result.samples, {}, &load::Sample::done_ns);
  result.end_ns = 2'100 * kNsPerMs;
  return result;
}

int64_t real(int64_t ms_since_start) { return kRealAhead + (100 + ms_since_start) * kNsPerMs; }

Window whole_run() {
  return {real(0), real(900), real(1'200), real(1'005), real(1'100), real(2'000)};
}

report::Move view_of(const load::Result& result, const Window& window) {
  report::Move move;
  add_client_view(move, result, window);
  return move;
}

TEST(ClientView, SeesThePauseFromAnswerToAnswer) {
  const report::Move view = view_of(run_with_pause(), whole_run());
  ASSERT_TRUE(view.client_gap_ms);
  EXPECT_DOUBLE_EQ(*view.client_gap_ms, 310);  // from 991 to 1,301
  EXPECT_EQ(view.requests, 200u);
  EXPECT_EQ(view.errors, 0u);
}

TEST(ClientView, AnAnswerThatComesJustAfterTheFreezeIsBeforeThePause) {
  Window window = whole_run();
  window.frozen_ns = real(990) + kNsPerMs / 2;  // its answer comes at 991
  EXPECT_DOUBLE_EQ(view_of(run_with_pause(), window).client_gap_ms.value(), 310);
}

TEST(ClientView, DuringLastsUntilTheClientIsServedAgain) {
  const report::Move view = view_of(run_with_pause(), whole_run());
  EXPECT_NEAR(view.worst_latency_ms.value(), 301, 0.5);
  EXPECT_NEAR(view.before->p99_ms.value(), 1, 0.01);
  EXPECT_NEAR(view.after->p99_ms.value(), 1, 0.01);  // the command had ended at 1,200 already
  EXPECT_GT(view.during->p99_ms.value(), 290);
}

TEST(ClientView, CountsFailuresByKind) {
  load::Result result = run_with_pause();
  result.samples[50].outcome = load::Outcome::kReset;
  result.samples[60].outcome = load::Outcome::kTimeout;
  result.samples[70].outcome = load::Outcome::kAbandoned;
  const report::Move view = view_of(result, whole_run());
  EXPECT_EQ(view.requests, 200u);
  EXPECT_EQ(view.errors, 2u);
  EXPECT_EQ(view.resets, 1u);
  EXPECT_EQ(view.errors_by_kind.at("timeout"), 1u);
  EXPECT_EQ(view.before->failed, 2u);
}

TEST(ClientView, WithoutAFreezeThereIsNoGap) {
  Window window = whole_run();
  window.frozen_ns = window.resumed_ns = 0;
  EXPECT_FALSE(view_of(run_with_pause(), window).client_gap_ms);
}

TEST(ClientView, AServiceThatNeverAnswersAgainHasNoGapEither) {
  load::Result result = run_with_pause();
  std::erase_if(result.samples, [](auto& sample) { return sample.done_ns > 1'200 * kNsPerMs; });
  const report::Move view = view_of(result, whole_run());
  EXPECT_FALSE(view.client_gap_ms);
  EXPECT_FALSE(view.after->p50_ms);
}

TEST(ClientView, TimelineCountsFromTheStartOfTheMove) {
  load::Result result = run_with_pause();
  result.timeline.resize(200, {1, 1, 0, 1 * kNsPerMs});
  result.timeline[110].worst_ns = 200 * kNsPerMs;
  result.timeline[111].worst_ns = 0;  // nothing due in it was answered
  const auto timeline = view_of(result, whole_run()).timeline;
  ASSERT_EQ(timeline.size(), 200u);
  EXPECT_DOUBLE_EQ(timeline[0].at_ms, -900);
  EXPECT_DOUBLE_EQ(timeline[110].at_ms, 200);
  EXPECT_DOUBLE_EQ(timeline[110].worst_ms.value(), 200);
  EXPECT_FALSE(timeline[111].worst_ms);
}

TEST(ClientView, ClassesOfTheDistributionHoldEveryAnswer) {
  const auto all = quantiles_of(run_with_pause(), real(0), real(2'000));
  EXPECT_EQ(all.answered, 200u);
  EXPECT_DOUBLE_EQ(all.seconds, 2);
  ASSERT_GT(all.classes.size(), 10u);
  uint64_t sum = 0;
  for (size_t i = 0; i < all.classes.size(); ++i) {
    sum += all.classes[i].second;
    if (i > 0) {
      EXPECT_GT(all.classes[i].first, all.classes[i - 1].first);
    }
  }
  EXPECT_EQ(sum, 200u);
  EXPECT_NEAR(all.classes.back().first, 301, 0.5);
}

TEST(Windows, MeetHalfwayBetweenMoves) {
  MadeMove first, second;
  first.started_ns = 100;
  first.ended_ns = 200;
  second.started_ns = 400;
  second.ended_ns = 500;
  const auto windows = windows_of({first, second}, 0, 1'000);
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].from_ns, 0);
  EXPECT_EQ(windows[0].to_ns, 300);
  EXPECT_EQ(windows[1].from_ns, 300);
  EXPECT_EQ(windows[1].to_ns, 1'000);
}

}  // namespace
}  // namespace ferry::bench
