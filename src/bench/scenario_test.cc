// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

using namespace std::chrono_literals;

TEST(Cells, AreAllCombinationsWithEqualLinksTogether) {
  Scenario scenario;
  scenario.workloads = {"redis"};
  scenario.memory_bytes = {1u << 20, 2u << 20};
  scenario.link_bytes_per_second = {125'000'000, 0};
  const auto cells = cells_of(scenario);
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_TRUE(cells[0].same_link(cells[1]));
  EXPECT_FALSE(cells[1].same_link(cells[2]));
  EXPECT_EQ(cells[1].workload.memory_bytes, 2u << 20);
  const std::map<std::string, std::string> wanted{{"link rate", "1 Gbit/s"}, {"memory", "2.0 MiB"}};
  EXPECT_EQ(cells[1].parameters, wanted);
  EXPECT_EQ(cells[2].parameters.at("link rate"), "not limited");
}

TEST(Cells, AWorkloadWithoutADialIsMeasuredOnce) {
  Scenario scenario;
  scenario.workloads = {"redis", "nginx"};
  scenario.memory_bytes = {1u << 20, 2u << 20};
  const auto cells = cells_of(scenario);
  ASSERT_EQ(cells.size(), 3u);
  EXPECT_EQ(cells[2].workload.kind, "nginx");
  EXPECT_TRUE(cells[2].parameters.empty());
}

TEST(Cells, WhatDoesNotVaryIsNoParameter) {
  Scenario scenario;
  scenario.link_delay = {1ms};
  const auto cells = cells_of(scenario);
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(cells[0].link_delay, 1ms);
  EXPECT_TRUE(cells[0].parameters.empty());
  EXPECT_TRUE(parameters_of(scenario).empty());
}

TEST(Parameters, HaveTheValuesOfTheCellsAndNumbersForAnAxis) {
  Scenario scenario;
  scenario.workloads = {"redis"};
  scenario.memory_bytes = {64u << 20, 1u << 30};
  scenario.connections = {1, 200};
  scenario.link_delay = {0ms, 1ms};
  const auto parameters = parameters_of(scenario);
  ASSERT_EQ(parameters.size(), 3u);
  for (const auto& parameter : parameters) {
    ASSERT_EQ(parameter.values.size(), 2u);
    for (const Cell& cell : cells_of(scenario)) {
      const auto value = cell.parameters.at(parameter.name);
      EXPECT_TRUE(value == parameter.values[0] || value == parameter.values[1]) << value;
    }
  }
  EXPECT_EQ(parameters[1].name, "memory");
  EXPECT_EQ(parameters[1].numbers, (std::vector<double>{64u << 20, 1u << 30}));
}

}  // namespace
}  // namespace ferry::bench
