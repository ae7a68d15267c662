// SPDX-License-Identifier: Apache-2.0
#include "bench/web_counter.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ferry::bench {
namespace {

CounterState state(uint64_t value) { return {"30 abcd", value, 0, 0}; }

load::CounterReport answers(uint64_t count) {
  load::CounterReport report;
  report.first = 1;
  report.last = report.received = count;
  return report;
}

TEST(WebCounter, FindsNothingWhenAllFits) {
  EXPECT_TRUE(differences(state(0), state(500), answers(500)).empty());
}

TEST(WebCounter, ARequestThatFailedMayHaveCountedOrNot) {
  load::CounterReport report = answers(500);
  report.failed_after_sent = 2;
  EXPECT_TRUE(differences(state(0), state(500), report).empty());
  EXPECT_TRUE(differences(state(0), state(502), report).empty());
  EXPECT_EQ(differences(state(0), state(503), report).size(), 1u);
  EXPECT_EQ(differences(state(0), state(499), report).size(), 1u);
}

TEST(WebCounter, TellsAnotherProcessOfTheSameNumbers) {
  CounterState other = state(500);
  other.id = "30 ef01";
  EXPECT_EQ(differences(state(0), other, answers(500)).size(), 1u);
}

TEST(WebCounter, PassesOnWhatTheClientSaw) {
  load::CounterReport report = answers(500);
  report.repeated = 1;
  report.backwards = 1;
  report.unaccounted = 1;
  EXPECT_EQ(differences(state(0), state(500), report).size(), 3u);
}

TEST(WebCounter, SeesAClockThatWentBack) {
  CounterState after = state(0);
  after.clock_went_back = 1;
  EXPECT_EQ(differences(state(0), after, {}).size(), 1u);
}

TEST(CounterState, IsReadFromItsThreePages) {
  const auto read = CounterState::parse("30 abcd\n", "17\n", "1000 2000 1500000 0\n");
  EXPECT_EQ(read.id, "30 abcd");
  EXPECT_EQ(read.value, 17u);
  EXPECT_EQ(read.worst_step_ms, 1.5);
  EXPECT_EQ(read.clock_went_back, 0u);
  EXPECT_THROW(CounterState::parse("30 abcd\n", "no such page\n", ""), base::Error);
  EXPECT_THROW(CounterState::parse("", "", ""), base::Error);
}

}  // namespace
}  // namespace ferry::bench
