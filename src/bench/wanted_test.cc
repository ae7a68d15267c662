// SPDX-License-Identifier: Apache-2.0
#include "bench/wanted.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

report::Move made(const char* mode, const char* memory, double gap_ms) {
  report::Move move;
  move.mode = mode;
  move.via = std::string_view(mode) == "criu" ? "native" : "ferry";
  move.parameters = {{"memory", memory}};
  move.result = "moved";
  move.client_gap_ms = gap_ms;
  return move;
}

report::Experiment experiment() {
  report::Experiment experiment;
  experiment.parameters = {{"memory", {"4 GiB", "64 MiB", "16 GiB"}, {4096, 64, 16384}, "bytes"}};
  for (const double more : {0, 2, 40}) {
    experiment.moves.push_back(made("auto", "64 MiB", 40 + more));
    experiment.moves.push_back(made("auto", "4 GiB", 50 + more));
    experiment.moves.push_back(made("criu", "4 GiB", 5000 + more));
  }
  return experiment;
}

report::Target judged(const Wanted& wanted, const report::Experiment& experiment) {
  return judge({wanted}, experiment).at(0);
}

TEST(Wanted, MedianOfTheSelectedMoves) {
  const auto target = judged({"client_gap_ms", {{"mode", "auto"}, {"memory", "64 MiB"}}, {}, false, 45}, experiment());
  EXPECT_EQ(target.value, 42);
  EXPECT_TRUE(target.met);
  EXPECT_EQ(target.text, "client_gap_ms, 64 MiB, auto ≤ 45");
}

TEST(Wanted, EveryMoveMeansTheWorst) {
  const Wanted wanted{"client_gap_ms", {{"mode", "auto"}, {"memory", "64 MiB"}}, {}, true, 45};
  EXPECT_EQ(judged(wanted, experiment()).value, 80);
  EXPECT_FALSE(judged(wanted, experiment()).met);
}

TEST(Wanted, RatioOverTheLargestThatWasMade) {
  const auto target = judged({"client_gap_ms",
                              {{"mode", "auto"}, {"memory", "largest"}},
                              {{"mode", "auto"}, {"memory", "64 MiB"}},
                              false, 1.5},
                             experiment());
  EXPECT_NEAR(*target.value, 52.0 / 42, 1e-9);
  EXPECT_NE(target.text.find("4 GiB, auto, over that of 64 MiB, auto ≤ 1.5"), std::string::npos) << target.text;
}

TEST(Wanted, AtLeast) {
  const Wanted wanted{"client_gap_ms", {{"via", "native"}}, {{"mode", "auto"}, {"memory", "4 GiB"}}, false, 100, true};
  EXPECT_FALSE(judged(wanted, experiment()).met);
  Wanted less = wanted;
  less.limit = 20;
  EXPECT_TRUE(judged(less, experiment()).met);
}

TEST(Wanted, WhatDidNotArriveOrWasNotMadeMeetsNothing) {
  auto failed = experiment();
  failed.moves[0].result = "failed";
  const auto target = judged({"client_gap_ms", {{"mode", "auto"}, {"memory", "64 MiB"}}, {}, false, 1000}, failed);
  EXPECT_EQ(target.value, std::nullopt);
  EXPECT_FALSE(target.met);
  EXPECT_FALSE(judged({"client_gap_ms", {{"mode", "post"}}, {}, false, 1000}, failed).met);
  EXPECT_FALSE(judged({"errors", {{"mode", "auto"}}, {}, false, 1000}, failed).met);
}

}  // namespace
}  // namespace ferry::bench
