// SPDX-License-Identifier: Apache-2.0
#include "bench/move_result.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "bench/runner.h"

namespace ferry::bench {
namespace {

migration::Report moved_report() {
  migration::Report report;
  report.result = "moved";
  report.name = "web";
  report.source = "east";
  report.target = "west";
  report.via = "tls";
  report.frozen_ms = 83.25;
  report.total_ms = 478;
  report.frozen_real_ns = 1'000;
  report.resumed_real_ns = 2'000;
  report.bytes_sent = 4'296'824;
  report.phases = {{"freeze", 390, 1}, {"dump", 391, 12.5}};
  return report;
}

TEST(Report, ComesBackFromWhatFerryPrints) {
  const auto back = parse_report(migration::to_json(moved_report()));
  EXPECT_EQ(back.result, "moved");
  EXPECT_EQ(back.frozen_ms, 83.25);
  EXPECT_EQ(back.resumed_real_ns, 2'000);
  EXPECT_EQ(back.bytes_sent, 4'296'824u);
  ASSERT_EQ(back.phases.size(), 2u);
  EXPECT_EQ(back.phases[1].name, "dump");
  EXPECT_EQ(back.phases[1].ms, 12.5);
}

TEST(Report, OfAFailedMoveSaysWhy) {
  migration::Report report = moved_report();
  report.result = "refused";
  report.error = {"cannot move web", "it is locked", "wait", "west", ""};
  EXPECT_EQ(parse_report(migration::to_json(report)).error.why, "it is locked");
}

TEST(Report, OfAnotherShapeIsAnError) {
  EXPECT_THROW(parse_report("ferry: no such workload"), base::Error);
  EXPECT_THROW(parse_report("{}"), base::Error);
}

TEST(MoveResult, HasTheFieldsOfMoves) {
  MoveResult move;
  move.workload = "web_counter";
  move.leg = {"east", "west"};
  move.report = moved_report();
  move.state_intact = true;
  move.client = ClientView{};
  move.client->gap_ms = 221.5;
  const auto json = to_json(move);
  for (const char* field : {"workload", "engine", "mode", "via", "memory_bytes", "frozen_ms",
                            "client_gap_ms", "worst_latency_ms", "total_ms", "bytes_sent",
                            "requests", "errors", "resets", "state_intact", "result", "phases"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_EQ(json.at("via"), "ferry");
  EXPECT_EQ(json.at("client_gap_ms"), 221.5);
  EXPECT_TRUE(json.at("latency").at("during").at("p99").is_null());
  EXPECT_FALSE(json.contains("error"));
  EXPECT_EQ(move.phase_ms("dump"), 12.5);
  EXPECT_FALSE(move.phase_ms("send"));
}

TEST(MoveResult, OfAFailureHasNoPause) {
  MoveResult move;
  move.report = moved_report();
  move.report.result = "failed";
  EXPECT_TRUE(to_json(move).at("frozen_ms").is_null());
  EXPECT_TRUE(to_json(move).contains("error"));
}

TEST(Windows, EveryInstantBelongsToOneMove) {
  std::vector<MoveResult> moves(3);
  for (size_t i = 0; i < moves.size(); ++i) {
    moves[i].report.result = i < 2 ? "moved" : "failed";
    moves[i].report.frozen_real_ns = 1;
    moves[i].started_ns = 1'000 + static_cast<int64_t>(i) * 1'000;
    moves[i].ended_ns = moves[i].started_ns + 400;
  }
  const auto windows = windows_of(moves, 100, 9'000);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[0].from_ns, 100);
  EXPECT_EQ(windows[0].to_ns, 1'700);
  EXPECT_EQ(windows[1].from_ns, 1'700);
  EXPECT_EQ(windows[1].to_ns, 2'700);
  EXPECT_EQ(windows[2].from_ns, 2'700);
  EXPECT_EQ(windows[2].to_ns, 9'000);
  EXPECT_NE(windows[1].frozen_ns, 0);
  EXPECT_EQ(windows[2].frozen_ns, 0);
  EXPECT_TRUE(windows_of({}, 1, 2).empty());
}

}  // namespace
}  // namespace ferry::bench
