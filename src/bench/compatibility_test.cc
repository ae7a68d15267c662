// SPDX-License-Identifier: Apache-2.0
#include "bench/compatibility.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

report::Move move(const std::string& workload, const std::string& result, bool intact = true) {
  report::Move move;
  move.workload = workload;
  move.way = "ferry (docker, auto)";
  move.parameters = {{"hosts", "old → new"}};
  move.result = result;
  move.state_intact = intact;
  return move;
}

TEST(Compatibility, SaysWhatHappenedHowOftenAndWhy) {
  report::Experiment experiment;
  experiment.hosts = {{"old", {{"docker", "20.10"}}},
                      {"new", {{"docker", "26.1"}, {"CRIU", "4.2"}}}};
  experiment.moves = {move("looper", "moved"), move("web", "failed"),
                      move("looper", "moved"), move("looper", "refused"),
                      move("web", "failed"),   move("web", "failed", false)};
  for (auto& each : experiment.moves) {
    if (each.result != "moved")
      each.failure = report::Failure{"cannot move", "a | pipe\nand a line", "", "", ""};
  }
  experiment.moves[5].state_words = {"it prints nothing any more"};
  const auto text = compatibility_text(experiment);
  EXPECT_NE(text.find("| old → new | ferry (docker, auto) | 2 moved; 1 refused [1] | 2 failed [1]; "
                      "1 failed, **lost** [2] |\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n[1] cannot move: a \\| pipe and a line\n"), std::string::npos) << text;
  EXPECT_NE(
      text.find(
          "\n[2] cannot move: a \\| pipe and a line. Afterwards: it prints nothing any more\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("| 20.10 |  |\n| 26.1 | 4.2 |\n"), std::string::npos) << text;
}

TEST(Compatibility, ALossIsSaidAlsoOfAMoveThatArrived) {
  report::Experiment experiment;
  experiment.moves = {move("looper", "moved", false)};
  experiment.moves[0].state_words = {"it counts from 0 again"};
  const auto text = compatibility_text(experiment);
  EXPECT_NE(text.find("1 moved, **not intact** [1]"), std::string::npos) << text;
  EXPECT_NE(text.find("[1] moved. Afterwards: it counts from 0 again"), std::string::npos) << text;
}

}  // namespace
}  // namespace ferry::bench
