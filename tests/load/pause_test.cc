// SPDX-License-Identifier: Apache-2.0
//
// What the load generator says about a pause, checked against pauses of a known length: of a
// process that is stopped by a signal, and of a port that is shut. No migration is in this.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "load/result.h"
#include "support/move_test.h"

namespace ferry::testing {
namespace {

constexpr double kPause_ms = 100, kTolerance_ms = 5;
constexpr double kExact_ms = 1;
constexpr int kTries = 11;  // each may meet a busy machine

struct Interval {
  int64_t from_ns = 0, to_ns = 0;  // CLOCK_REALTIME

  double ms() const { return static_cast<double>(to_ns - from_ns) / 1e6; }
  static Interval parse(const std::string& text) {
    Interval interval;
    if (std::sscanf(text.c_str(), "%ld %ld", &interval.from_ns, &interval.to_ns) != 2) {
      ADD_FAILURE() << "no interval: " << text;
    }
    return interval;
  }
};

// What other programs do to a busy machine can only lengthen a gap, never shorten it: of several
// tries the quicker ones say how long it is without them.
double lower_quartile(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 4);
}

class PauseTest : public MoveTest {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    if (!IsSkipped()) address_ = lab().check("east", "hostname -I | cut -d' ' -f1");
  }
  // With its samples; ends when its input is closed.
  Background start_load(const std::string& path, int rate, const Argv& options) const {
    Argv words{"load-test",
               fmt::format("http://{}:{}{}", address_, kPort, path),
               "--rate",
               std::to_string(rate),
               "--json",
               "--samples",
               "--until-eof-of-stdin"};
    words.insert(words.end(), options.begin(), options.end());
    return start_ferry("client", words);
  }
  static load::Result end_load(Background& load) {
    load.close_input();
    const auto text = load.read_line(60'000);
    EXPECT_EQ(load.wait(), 0);
    return load::Result::from_json(text.value_or(""));
  }
  std::string address_;  // of east
};

TEST_F(PauseTest, ProcessStoppedFor100MsIsReportedSo) {
  Background service =
      lab().start("east", {"python3", program("web_counter.py"), std::to_string(kPort)});
  ASSERT_TRUE(service.read_line());
  const std::string pid = lab().check("east", "pgrep -f web_counter.py | head -1");
  Background load = start_load("/next", 500, {"--counter", "--connections", "4"});
  std::vector<Interval> pauses;
  for (int i = 0; i < kTries; ++i) {
    lab().check("east", "sleep 0.3");
    pauses.push_back(Interval::parse(lab().check(
        "east", fmt::format("python3 {} {} {}", program("freeze.py"), pid, kPause_ms / 1000))));
  }
  lab().check("east", "sleep 0.3");
  const load::Result result = end_load(load);
  EXPECT_EQ(result.errors(), 0u);
  ASSERT_TRUE(result.counter);
  EXPECT_TRUE(result.counter->holds());

  std::vector<double> gaps, longest, worst;  // minus the real length of the stop
  std::vector<double> exact;                 // gaps of the stops that were no longer than told
  for (const Interval& pause : pauses) {
    const auto gap = result.client_gap_ms(pause.from_ns + 50'000'000);
    // Of the requests due in the pause the first waits for nearly all of it.
    const auto latency = result.quantile(1, pause.from_ns, pause.to_ns);
    ASSERT_TRUE(gap && latency);
    EXPECT_GE(*gap, pause.ms() - kTolerance_ms) << "never less than it was";
    gaps.push_back(*gap - pause.ms());
    longest.push_back(result.longest_gap(pause.from_ns, pause.to_ns).ms() - pause.ms());
    worst.push_back(static_cast<double>(*latency) / 1e6 - pause.ms());
    if (pause.ms() < kPause_ms + kExact_ms) exact.push_back(*gap);
  }
  RecordProperty("gap_minus_stop_ms", fmt::format("{:.2f}", lower_quartile(gaps)));
  EXPECT_NEAR(lower_quartile(gaps), 0, kTolerance_ms);
  EXPECT_NEAR(lower_quartile(longest), 0, kTolerance_ms);
  EXPECT_NEAR(lower_quartile(worst), 0, kTolerance_ms);
  // On a busy machine SIGCONT itself is late; then only the differences above can be judged.
  if (exact.size() < 3)
    GTEST_SKIP() << "of " << kTries << " stops only " << exact.size() << " were exact";
  RecordProperty("exact_stops", static_cast<int>(exact.size()));
  RecordProperty("client_gap_ms", fmt::format("{:.2f}", lower_quartile(exact)));
  EXPECT_NEAR(lower_quartile(exact), kPause_ms, kTolerance_ms);
}

TEST_F(PauseTest, PortShutForASecondFailsTheRequestsOfASecond) {
  constexpr int kRate = 200;
  Background service =
      lab().start("east", {"python3", program("shut_for.py"), std::to_string(kPort)});
  ASSERT_EQ(service.read_line(), "READY");
  Background load = start_load("/", kRate, {"--new-connections", "--connections", "20"});
  lab().check("east", "sleep 1");
  service.write("1\n");
  const std::string times = service.read_line().value_or("");
  const Interval shut = Interval::parse(times);
  const Interval within =
      Interval::parse(times.substr(std::min(times.size(), times.find(' ', times.find(' ') + 1))));
  lab().check("east", "sleep 1");
  const load::Result result = end_load(load);

  EXPECT_GE(within.ms(), 999);
  const auto requests_of = [](const Interval& time) { return kRate * time.ms() / 1000; };
  EXPECT_GE(static_cast<double>(result.errors()), requests_of(within) - 2);
  EXPECT_LE(static_cast<double>(result.errors()), requests_of(shut) + 2);
  // One may be reset instead: it was let in just when the port was shut.
  EXPECT_GE(load::at(result.counts, load::Outcome::kRefused) + 2, result.errors());
  EXPECT_EQ(load::errors_in(result.counts_within(shut.to_ns + 100'000'000, INT64_MAX)), 0u);
  EXPECT_EQ(load::errors_in(result.counts_within(0, shut.from_ns - 100'000'000)), 0u);
  const auto gap = result.client_gap_ms((shut.from_ns + shut.to_ns) / 2);
  ASSERT_TRUE(gap);
  EXPECT_GE(*gap, within.ms() - kTolerance_ms);
}

}  // namespace
}  // namespace ferry::testing
