// SPDX-License-Identifier: Apache-2.0
#include "load/result.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "load/recorder.h"
#include "load/summary.h"

namespace ferry::load {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 5'000 * kMs;               // CLOCK_MONOTONIC
constexpr int64_t kOffset = 1'795'000'000'000 * kMs;  // to CLOCK_REALTIME

int64_t real_at(int64_t ms) { return kStart + kOffset + ms * kMs; }

// A request each ms for a second, answered in 1 ms; those due from 400 to 499 ms wait until 500 ms,
// but one that is reset at 450 ms.
Result with_pause() {
  Recorder recorder(1000);
  recorder.begin(kStart);
  recorder.result().real_offset_ns = kOffset;
  std::vector<Sample> samples;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t due = kStart + i * kMs;
    recorder.due(due, due + 1000);
    const bool paused = i >= 400 && i < 500;
    Sample sample{due, due, paused ? kStart + 500 * kMs : due + kMs, Outcome::kOk};
    if (i == 440) sample = {due, due, kStart + 450 * kMs, Outcome::kReset};
    samples.push_back(sample);
  }
  const auto earlier = [](const Sample& a, const Sample& b) { return a.done_ns < b.done_ns; };
  std::stable_sort(samples.begin(), samples.end(), earlier);
  for (const Sample& sample : samples) {
    recorder.sent();
    recorder.done(sample, "waiting for the answer: reset");
  }
  recorder.result().setup = {"http://web/", 1000, 3, false, 5000 * kMs};
  return recorder.result();
}

TEST(Result, CountsByKind) {
  const Result result = with_pause();
  EXPECT_EQ(result.due, 1000u);
  EXPECT_EQ(result.ok(), 999u);
  EXPECT_EQ(result.errors(), 1u);
  EXPECT_EQ(at(result.counts, Outcome::kReset), 1u);
  ASSERT_EQ(result.examples.size(), 1u);
  EXPECT_EQ(result.examples[0].message, "waiting for the answer: reset");
  EXPECT_EQ(result.lag.max(), 1000);
  EXPECT_EQ(result.from_sent.count(), 999u);
}

TEST(Result, WindowsSelectByWhenRequestsWereDue) {
  const Result result = with_pause();
  EXPECT_EQ(*result.quantile(1, real_at(0), real_at(400)), kMs);
  EXPECT_EQ(*result.quantile(1, real_at(400), real_at(500)), 100 * kMs);
  EXPECT_NEAR(static_cast<double>(*result.quantile(0.5, real_at(400), real_at(500))), 50e6, 1e6);
  EXPECT_EQ(result.latency_within(real_at(400), real_at(410)).count(), 10u);
  EXPECT_FALSE(result.quantile(0.5, real_at(2000), real_at(3000)));
  EXPECT_EQ(at(result.counts_within(real_at(440), real_at(441)), Outcome::kReset), 1u);
  EXPECT_EQ(at(result.counts_within(real_at(441), real_at(442)), Outcome::kReset), 0u);
}

TEST(Result, FindsThePause) {
  const Result result = with_pause();
  // The last answer before it came at 400 ms (due at 399), the first after it at 500 ms.
  EXPECT_DOUBLE_EQ(*result.client_gap_ms(real_at(420)), 100);
  EXPECT_EQ(result.gap_around(real_at(420)).from_ns, real_at(400));
  const Gap longest = result.longest_gap(real_at(0), real_at(1000));
  EXPECT_EQ(longest.from_ns, real_at(400));
  EXPECT_EQ(longest.to_ns, real_at(500));
  EXPECT_TRUE(longest.closed);
  EXPECT_DOUBLE_EQ(result.longest_gap(real_at(600), real_at(700)).ms(), 1);
  // A window within the pause still sees all of it.
  EXPECT_DOUBLE_EQ(result.longest_gap(real_at(450), real_at(451)).ms(), 100);
}

TEST(Result, PauseWithoutAnEndIsNotHidden) {
  Result result = with_pause();
  std::erase_if(result.samples, [](const Sample& s) { return s.due_ns >= kStart + 400 * kMs; });
  EXPECT_FALSE(result.client_gap_ms(real_at(420)));
  const Gap longest = result.longest_gap(real_at(0), real_at(1000));
  EXPECT_FALSE(longest.closed);
  EXPECT_EQ(longest.from_ns, real_at(400));
  EXPECT_EQ(longest.to_ns, result.real(result.end_ns));
}

TEST(Result, TimelineHasLatencyWhereDueAndAnswersWhereDone) {
  const Result result = with_pause();
  ASSERT_EQ(result.timeline.size(), 101u);  // the last answer comes just after the second
  EXPECT_EQ(result.timeline[40], (Bucket{10, 1, 0, 100 * kMs}));
  EXPECT_EQ(result.timeline[45], (Bucket{10, 0, 1, 50 * kMs}));
  EXPECT_EQ(result.timeline[50].completed, 99u + 9u);
  uint64_t completed = 0;
  for (const Bucket& bucket : result.timeline) completed += bucket.completed;
  EXPECT_EQ(completed, result.ok());
}

TEST(Result, JsonComesBackWhole) {
  Result before = with_pause();
  before.counter = CounterReport{1, 999, 998, 0, 0, 1, 1, 0};
  before.samples[3].sent_ns = -1;
  before.cpu_s = 0.25;
  const Result after = Result::from_json(before.to_json(true));
  EXPECT_EQ(after.to_json(true), before.to_json(true));
  EXPECT_EQ(after.samples, before.samples);
  EXPECT_EQ(after.timeline, before.timeline);
  EXPECT_EQ(after.counts, before.counts);
  EXPECT_EQ(after.counter, before.counter);
  EXPECT_EQ(after.quantile(0.99), before.quantile(0.99));
  EXPECT_EQ(after.client_gap_ms(real_at(420)), before.client_gap_ms(real_at(420)));
  EXPECT_EQ(after.examples[0].message, before.examples[0].message);
}

TEST(Result, JsonWithoutSamplesKeepsTheSums) {
  const Result before = with_pause();
  const Result after = Result::from_json(before.to_json(false));
  EXPECT_TRUE(after.samples.empty());
  EXPECT_EQ(after.quantile(0.5), before.quantile(0.5));
  EXPECT_EQ(after.timeline, before.timeline);
}

TEST(Result, JsonOfAnythingElseIsAnError) {
  const std::string good = with_pause().to_json(true);
  EXPECT_THROW(Result::from_json(good.substr(0, good.size() / 2)), base::Error);
  for (const char* text :
       {"", "[]", "{}", "null", R"({"version":1})", R"({"version":2})", R"({"version":"x"})"}) {
    EXPECT_THROW(Result::from_json(text), base::Error) << text;
  }
  std::string spoilt = good;
  spoilt.replace(spoilt.find("\"not_ok\":[["), 11, "\"not_ok\":[[9");  // a sample that is not there
  EXPECT_THROW(Result::from_json(spoilt), base::Error);
}

TEST(Summary, SaysWhatHappened) {
  Result result = with_pause();
  result.counter =
      CounterReport{.first = 1, .last = 3, .received = 2, .missing = 1, .unaccounted = 1};
  const std::string text = summary(result);
  EXPECT_NE(text.find("999 answered"), std::string::npos) << text;
  EXPECT_NE(text.find("1 reset, the first at 0.450 s"), std::string::npos) << text;
  EXPECT_NE(text.find("100.000 ms was the longest time without an answer"), std::string::npos)
      << text;
  EXPECT_NE(text.find("LOST OR REPEATED"), std::string::npos) << text;
  const std::string csv = timeline_csv(result);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 102);
  EXPECT_NE(csv.find("\n450,"), std::string::npos);
}

}  // namespace
}  // namespace ferry::load
