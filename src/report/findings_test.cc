// SPDX-License-Identifier: Apache-2.0
//
// Each sentence must follow from the moves, and change when they do.
#include "report/findings.h"

#include <gtest/gtest.h>

#include "report/example_experiment.h"

namespace ferry::report {
namespace {

struct Side {
  const char* way;
  std::vector<double> gaps;
};

Experiment experiment_of(const std::vector<Side>& sides) {
  Experiment experiment;
  for (const auto& [way, gaps] : sides) {
    for (size_t i = 0; i < gaps.size(); ++i) {
      experiment.moves.push_back(example_move(way, static_cast<int>(i) + 1, gaps[i]));
    }
  }
  return experiment;
}

std::string all_of(const Experiment& experiment, Language language = Language::kEnglish) {
  std::string text;
  for (const Finding& finding : findings(Groups(experiment), language)) text += finding.text + "\n";
  std::erase_if(text, [](char c) { return c == kEmphasis || c == kPlainAgain; });
  // No-break spaces are for the reader's eyes.
  for (size_t at; (at = text.find("\u00a0")) != text.npos;) text.replace(at, 2, " ");
  return text;
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_SAYS_NOT(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

TEST(Findings, ARealDifferenceIsGivenAsARatioWithItsBounds) {
  const std::string text = all_of(experiment_of(
      {{"ferry", {20, 21, 22, 19, 20}}, {"by hand", {2000, 2100, 1900, 2050, 2020}}}));
  EXPECT_SAYS(text, "ferry: clients were without service for 20.0 ms (median of 5; 19.0–22.0 ms)");
  EXPECT_SAYS(text, "by hand: clients waited 101 times as long as with ferry");
  EXPECT_SAYS(text, "2.02 s against 20.0 ms");
}

TEST(Findings, ADifferenceThatTheNoiseCoversIsCalledSo) {
  const std::string text =
      all_of(experiment_of({{"a", {20, 30, 25, 22, 28}}, {"b", {21, 29, 26, 23, 27.5}}}));
  EXPECT_SAYS(text, "is covered by the noise");
  EXPECT_SAYS_NOT(text, "times as long");
}

TEST(Findings, TooFewRepetitionsShowNothing) {
  const std::string text = all_of(experiment_of({{"a", {20, 21}}, {"b", {2000, 2100}}}));
  EXPECT_SAYS(text, "too few to call that a difference");
  EXPECT_SAYS_NOT(text, "times as long");
}

TEST(Findings, CountTheMovesAndTheFailures) {
  Experiment experiment = experiment_of({{"a", {20, 21, 22}}});
  EXPECT_SAYS(all_of(experiment), "All 3 moves arrived.");
  experiment.moves[1].result = "refused";
  EXPECT_SAYS(all_of(experiment), "2 of 3 moves arrived; the others: 1 refused.");
  for (Move& move : experiment.moves) move.requests = 500, move.errors = 0;
  EXPECT_SAYS(all_of(experiment), "None of the 1,500 requests failed.");
  experiment.moves[0].errors = 4;
  experiment.moves[0].errors_by_kind = {{"reset", 3}, {"timeout", 1}};
  EXPECT_SAYS(all_of(experiment), "4 of 1,500 requests failed (3 reset, 1 timeout).");
  for (Move& move : experiment.moves) move.state_intact = true;
  EXPECT_SAYS(all_of(experiment), "intact after each of the 3 moves");
  experiment.moves[2].state_intact = false;
  EXPECT_SAYS(all_of(experiment), "not intact after 1 of 3 moves: a.");
  EXPECT_SAYS(all_of(experiment, Language::kChinese), "3 次迁移中有 1 次状态不完整：a。");
}

TEST(Findings, FollowAParameter) {
  Experiment experiment = experiment_of({{"stop", {20, 21, 22, 23, 210, 220, 230, 240}},
                                         {"hybrid", {9, 10, 11, 12, 9.5, 10.5, 11.5, 8}}});
  experiment.parameters = {{"memory", {"1 GiB", "10 GiB"}, {1, 10}, "GiB"}};
  for (size_t i = 0; i < experiment.moves.size(); ++i) {
    experiment.moves[i].parameters = {{"memory", i % 8 < 4 ? "1 GiB" : "10 GiB"}};
  }
  const std::string text = all_of(experiment);
  EXPECT_SAYS(text,
              "stop: time without service grows with memory: 21.5 ms at 1 GiB, 225 ms at 10 GiB.");
  EXPECT_SAYS(text, "hybrid: time without service does not depend on memory");
  EXPECT_EQ(series_of(Groups(experiment)).at(0).label, "stop");
}

TEST(Findings, TakeThePauseApart) {
  Experiment experiment = experiment_of({{"ferry", {200, 210, 220}}});
  for (Move& move : experiment.moves) {
    move.frozen_ms = 50;
    move.phases = {{"dump", 0, 10, true}, {"restore", 10, 40, true}, {"prepare", 0, 900, false}};
  }
  const std::string text = all_of(experiment);
  EXPECT_SAYS(text, "restore with ferry, 40.0 ms of 50.0 ms (80 %)");
  EXPECT_SAYS(text, "ferry: the time without service is 160 ms longer than the freeze");
  for (Move& move : experiment.moves) move.client_gap_ms = 52;
  EXPECT_SAYS_NOT(all_of(experiment), "longer than the freeze");
}

TEST(Findings, CompareTheServiceWithWhatItWas) {
  Experiment experiment = experiment_of({{"ferry", {20, 21, 22, 23, 24}}});
  double noise = 0;
  for (Move& move : experiment.moves) {
    move.before = example_quantiles(1 + noise);
    move.after = example_quantiles(3 + noise);
    noise += 0.01;
  }
  EXPECT_SAYS(all_of(experiment), "ferry: p99 latency after the move is");
  for (Move& move : experiment.moves) move.after = move.before;
  EXPECT_SAYS(all_of(experiment), "Latency after the move is as before");
}

TEST(Findings, OfNothingAreNone) {
  const Experiment none;
  EXPECT_TRUE(findings(Groups(none), Language::kEnglish).empty());
}

}  // namespace
}  // namespace ferry::report
