// SPDX-License-Identifier: Apache-2.0
#include "bench/summary_text.h"

#include <gtest/gtest.h>

#include "bench/detail_text.h"

namespace ferry::bench {
namespace {

report::Move move(const char* way, double gap_ms) {
  report::Move move;
  move.workload = "redis";
  move.way = way;
  move.result = "moved";
  move.source = "east";
  move.target = "west";
  move.client_gap_ms = gap_ms;
  move.state_intact = true;
  move.errors = 1;
  return move;
}

report::Experiment experiment(int count, double factor) {
  report::Experiment experiment;
  for (int i = 0; i < count; ++i) {
    experiment.moves.push_back(move("ferry (stop)", 100 + i));
    experiment.moves.push_back(move("by hand", factor * (100 + i)));
  }
  return experiment;
}

TEST(Summary, GroupsRepetitionsAndSaysHowMuchMore) {
  const auto made = experiment(5, 3);
  const auto groups = groups_of(made);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].moves.size(), 5u);
  EXPECT_EQ(
      findings(groups).at(0).find("client's gap of redis, by hand against ferry (stop): 3.00"), 0u);
  const std::string text = summary_text(made, Paint(false));
  EXPECT_NE(text.find("102.0 ms (100.0–104.0)"), std::string::npos) << text;
  EXPECT_NE(text.find("5 of 5"), std::string::npos) << text;
}

TEST(Summary, CallsNoiseNoiseAndFewFew) {
  const auto noise = experiment(5, 1.005), few = experiment(2, 3);
  EXPECT_NE(findings(groups_of(noise)).at(0).find("the noise covers the difference"),
            std::string::npos);
  EXPECT_NE(findings(groups_of(few)).at(0).find("too few to tell"), std::string::npos);
}

TEST(Summary, AFailedMoveHasNoNumbersButAReason) {
  auto made = experiment(1, 3);
  made.moves[0].result = "failed";
  made.moves[0].failure = report::Failure{"cannot dump", "it is traced", "", "east", ""};
  made.moves[1].state_intact = false;
  made.moves[1].state_words = {"3 numbers never came"};
  EXPECT_TRUE(groups_of(made)[0].values(&report::Move::client_gap_ms).empty());
  EXPECT_TRUE(findings(groups_of(made)).empty());
  const std::string text = verdict_text(made, Paint(false));
  EXPECT_NE(text.find("it is traced"), std::string::npos) << text;
  EXPECT_NE(text.find("3 numbers never came"), std::string::npos) << text;
  EXPECT_EQ(text.find("State intact"), std::string::npos) << text;
}

TEST(Detail, ShowsOnlyRowsThatSomebodyHas) {
  auto made = experiment(1, 3);
  made.moves[0].phases = {{"dump", 10, 5, true}, {"bury", 20, 1, false}};
  const std::string text = detail_text(made, Paint(false));
  EXPECT_NE(text.find("dump"), std::string::npos) << text;
  EXPECT_NE(text.find("300.0 ms"), std::string::npos) << text;
  EXPECT_EQ(text.find("frozen, by ferry's clocks"), std::string::npos) << text;
  EXPECT_EQ(text.find("latency"), std::string::npos) << text;
}

}  // namespace
}  // namespace ferry::bench
