// SPDX-License-Identifier: Apache-2.0
#include "bench/compatibility.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

report::Move move(const std::string& result, bool intact = true) {
  report::Move move;
  move.workload = "looper";
  move.way = "ferry (docker, stop)";
  move.parameters = {{"hosts", "unlike"}};
  move.source = "east";
  move.target = "west";
  move.result = result;
  move.state_intact = intact;
  return move;
}

TEST(Compatibility, SaysWhatHappenedAndWhy) {
  report::Experiment experiment;
  experiment.hosts = {{"old", {{"docker", "20.10"}}}, {"new", {{"docker", "26.1"}, {"CRIU", "4.2"}}}};
  experiment.moves = {move("moved"), move("moved"), move("refused"), move("moved", false)};
  experiment.moves[2].failure = report::Failure{"cannot move", "a | pipe\nand a line", "", "", ""};
  experiment.moves[3].state_words = {"it counts from 0 again"};
  const auto text = compatibility_text(experiment);
  const std::string intact = "| unlike | east → west | looper | ferry (docker, stop) | moved, state intact |  |\n";
  const auto first = text.find(intact);
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_EQ(text.find(intact, first + 1), std::string::npos);  // said once
  EXPECT_NE(text.find("| refused | cannot move: a \\| pipe and a line |"), std::string::npos) << text;
  EXPECT_NE(text.find("| moved, **state not intact** | it counts from 0 again |"), std::string::npos) << text;
  EXPECT_NE(text.find("| old | 20.10 |  |"), std::string::npos) << text;
}

}  // namespace
}  // namespace ferry::bench
