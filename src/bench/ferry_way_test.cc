// SPDX-License-Identifier: Apache-2.0
#include "bench/ferry_way.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "migration/events.h"

namespace ferry::bench {
namespace {

using base::kNsPerMs;

constexpr int64_t kStarted = 5'000 * kNsPerMs;  // by the client's clock
constexpr int64_t kEnded = kStarted + 500 * kNsPerMs;
constexpr int64_t kAhead = 70'000 * kNsPerMs;  // the source's clock

// ferry itself began 20 ms after its command was started.
migration::Report moved_report() {
  migration::Report report;
  report.result = "moved";
  report.frozen_ms = 83.25;
  report.frozen_real_ns = kStarted + 400 * kNsPerMs + kAhead;
  report.resumed_real_ns = kStarted + 483 * kNsPerMs + kAhead;
  report.bytes_sent = 4'296'824;
  report.memory_bytes = 4'000'000;
  report.phases = {{"prepare", 0, 380}, {"freeze", 380, 1}, {"dump", 381, 80}, {"bury", 465, 10}};
  return report;
}

TEST(FerryWay, PutsAReportIntoTheClientsTime) {
  const auto made = made_of(migration::to_json(moved_report()), kStarted, kEnded, kAhead);
  EXPECT_TRUE(made.moved());
  EXPECT_EQ(made.frozen_ns, kStarted + 400 * kNsPerMs);
  EXPECT_EQ(made.resumed_ns, kStarted + 483 * kNsPerMs);
  EXPECT_EQ(made.move.frozen_ms, 83.25);
  EXPECT_EQ(made.move.total_ms, 500);
  EXPECT_EQ(made.move.bytes_sent, 4'296'824u);
  ASSERT_EQ(made.move.phases.size(), 4u);
  EXPECT_DOUBLE_EQ(made.move.phases[0].start_ms, 20);
  EXPECT_DOUBLE_EQ(made.move.phases[1].start_ms, 400);
  const std::vector<bool> frozen{false, true, true, false};
  for (size_t i = 0; i < frozen.size(); ++i) EXPECT_EQ(made.move.phases[i].frozen, frozen[i]) << i;
}

TEST(FerryWay, TheCpuTimeIsKnownWhenBothHostsHaveTold) {
  migration::Report report = moved_report();
  report.source_cost = {300, 20 << 20};
  EXPECT_FALSE(made_of(migration::to_json(report), kStarted, kEnded, kAhead).move.cpu_ms);
  report.target_cost = {200, 90 << 20};
  const auto move = made_of(migration::to_json(report), kStarted, kEnded, kAhead).move;
  EXPECT_EQ(move.cpu_ms, 500);
  EXPECT_EQ(move.source_rss_bytes, 20u << 20);
  EXPECT_EQ(move.target_rss_bytes, 90u << 20);
}

TEST(FerryWay, AFailedMoveSaysWhyAndHasNoPause) {
  migration::Report report = moved_report();
  report.result = "refused";
  report.error = {"cannot move web", "it is locked", "wait", "west", ""};
  const auto made = made_of(migration::to_json(report), kStarted, kEnded, kAhead);
  EXPECT_FALSE(made.moved());
  EXPECT_EQ(made.frozen_ns, 0);
  EXPECT_FALSE(made.move.frozen_ms);
  ASSERT_TRUE(made.move.failure);
  EXPECT_EQ(made.move.failure->why, "it is locked");
}

TEST(FerryWay, TakesRoundsWhereAReportHasThem) {
  migration::Report report = moved_report();
  report.rounds.push_back({1, 100, 50, 4096, 99});
  const auto made = made_of(migration::to_json(report), kStarted, kEnded, kAhead);
  ASSERT_EQ(made.move.rounds.size(), 1u);
  EXPECT_EQ(made.move.rounds[0].number, 1);
  EXPECT_DOUBLE_EQ(made.move.rounds[0].start_ms, 120);
  EXPECT_EQ(made.move.rounds[0].sent_bytes, 99u);
}

TEST(FerryWay, AReportOfAnotherShapeIsAnError) {
  EXPECT_THROW(made_of("ferry: no such workload", 0, 1, 0), base::Error);
  EXPECT_THROW(made_of("{}", 0, 1, 0), base::Error);
}

}  // namespace
}  // namespace ferry::bench
