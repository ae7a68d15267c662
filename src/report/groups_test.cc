// SPDX-License-Identifier: Apache-2.0
#include "report/groups.h"

#include <gtest/gtest.h>

#include "report/example_experiment.h"
#include "report/tables.h"

namespace ferry::report {
namespace {

Experiment three_and_one() {
  Experiment experiment;
  for (const double gap : {30, 10, 20}) {
    experiment.moves.push_back(example_move("ferry (stop)", 1, gap));
  }
  experiment.moves.push_back(example_move("criu by hand", 1, 900));
  experiment.moves.at(1).phases = {
      {"dump", 0, 4, true}, {"send", 4, 1, true}, {"dump", 5, 2, true}};
  experiment.moves.at(2).phases = {{"prepare", 0, 50, false}, {"dump", 50, 10, true}};
  return experiment;
}

std::vector<std::string> titles(const Table& table) {
  std::vector<std::string> titles;
  for (const Column& column : table.columns) titles.push_back(column.title);
  return titles;
}

TEST(Groups, RepetitionsAreOneGroup) {
  const Experiment experiment = three_and_one();
  const Groups groups(experiment);
  ASSERT_EQ(groups.all.size(), 2u);
  EXPECT_EQ(groups.all[0].spread(measure::gap_ms).median, 20);
  EXPECT_EQ(groups.all[0].label, "ferry (stop)");
  EXPECT_EQ(groups.index_of(groups.all[0].typical()), 2u) << "the one with the median gap";
  EXPECT_TRUE(groups.any(measure::gap_ms));
  EXPECT_FALSE(groups.any(measure::frozen_ms));
}

TEST(Groups, TheLabelSaysWhatDiffersAndNoMore) {
  Experiment experiment = three_and_one();
  for (Move& move : experiment.moves) move.parameters = {{"link", "1 Gbit/s"}, {"memory", "1 GiB"}};
  experiment.moves[2].parameters["memory"] = "64 MiB";
  experiment.moves[3].workload = "redis";
  const Groups groups(experiment);
  ASSERT_EQ(groups.all.size(), 3u);
  EXPECT_EQ(groups.all[1].label, "ferry (stop) · web_counter · memory 64 MiB");
  EXPECT_EQ(groups.all[2].label, "criu by hand · redis · memory 1 GiB");
}

TEST(Groups, PhasesOfOneNameAreOnePartOfThePause) {
  const Experiment experiment = three_and_one();
  const auto split = pause_split(Groups(experiment).all[0]);
  ASSERT_EQ(split.size(), 2u) << "prepare is no part of it";
  EXPECT_EQ(split[0], (std::pair<std::string, double>("dump", 8))) << "median of 4 + 2 and 10";
  EXPECT_EQ(split[1].first, "send");
}

TEST(Groups, MovesThatDidNotArriveAreNotMeasured) {
  Experiment experiment = three_and_one();
  experiment.moves[0].result = "failed";
  experiment.moves[3].result = "refused";
  const Groups groups(experiment);
  EXPECT_EQ(groups.all[0].spread(measure::gap_ms).median, 15);
  EXPECT_TRUE(groups.all[1].values(measure::gap_ms).empty());
  EXPECT_EQ(&groups.all[1].typical(), &experiment.moves[3]);
}

TEST(Tables, HaveNoEmptyColumns) {
  const Experiment experiment = three_and_one();
  const Groups groups(experiment);
  EXPECT_EQ(titles(headline_table(groups, Language::kEnglish)),
            (std::vector<std::string>{"Way", "Time without service"}));
  EXPECT_TRUE(latency_table(groups, Language::kEnglish).empty());
  EXPECT_TRUE(errors_table(groups, Language::kEnglish).empty());
  EXPECT_TRUE(rounds_table(groups, Language::kEnglish).empty());
  EXPECT_TRUE(targets_table(groups, Language::kEnglish).empty());
  const Experiment none;
  EXPECT_TRUE(headline_table(Groups(none), Language::kEnglish).empty());
  EXPECT_TRUE(moves_table(Groups(none), Language::kEnglish).empty());
  EXPECT_TRUE(pause_table(Groups(none), Language::kEnglish).empty());
}

TEST(Tables, ShowMedianAndRangeAndAddUpFailures) {
  Experiment experiment = three_and_one();
  for (Move& move : experiment.moves) move.requests = 100;
  for (Move& move : experiment.moves) move.errors = move.repetition;
  const Table table = headline_table(Groups(experiment), Language::kEnglish);
  ASSERT_EQ(titles(table),
            (std::vector<std::string>{"Way", "Time without service", "Failed requests"}));
  EXPECT_EQ(table.rows[0][1].text, "20.0\u00a0ms");
  EXPECT_EQ(table.rows[0][1].range, "10.0–30.0\u00a0ms");
  EXPECT_NEAR(*table.rows[0][1].bar, 20.0 / 900, 1e-9);
  EXPECT_EQ(table.rows[0][2].text, "3");
  EXPECT_EQ(table.rows[0][2].range, "/ 300");
  EXPECT_EQ(table.rows[0][2].tone, Tone::kBad);
}

TEST(Tables, ShowEveryFieldOfAFullExperiment) {
  const Experiment experiment = full_experiment();
  const Groups groups(experiment);
  const Table targets = targets_table(groups, Language::kEnglish);
  ASSERT_EQ(targets.rows.size(), 2u);
  EXPECT_EQ(targets.rows[0][1].text, "214\u00a0ms");
  EXPECT_EQ(targets.rows[0][3].text, "not met");
  EXPECT_EQ(rounds_table(groups, Language::kEnglish).rows.size(), 2u);
  EXPECT_EQ(errors_table(groups, Language::kEnglish).rows.at(0).back().text, "1");
  EXPECT_EQ(moves_table(groups, Language::kChinese).rows.size(), 2u);
  EXPECT_EQ(latency_table(groups, Language::kEnglish).columns.back().over, "Answers per second");
}

}  // namespace
}  // namespace ferry::report
