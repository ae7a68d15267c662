// SPDX-License-Identifier: Apache-2.0
#include "migration/state_cost.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace ferry::migration {
namespace {

class StateCostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/ferry-cost-XXXXXX";
    directory_ = ::mkdtemp(name);
    file_ = directory_ / "below" / "costs";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  base::Path directory_, file_;
};

TEST_F(StateCostTest, MoreTasksAreExpectedToCostMore) {
  EXPECT_GT(expected_state_cost({100}, file_).dump_ms, expected_state_cost({1}, file_).dump_ms);
  EXPECT_GT(expected_state_cost({1}, file_).rest_ms, 0);
}

TEST_F(StateCostTest, TheMedianOfThoseWithAsManyTasksCounts) {
  for (const double ms : {10.0, 11.0, 90.0}) remember_state_cost({4}, {ms, 2 * ms}, file_);
  remember_state_cost({100}, {500, 700}, file_);
  EXPECT_DOUBLE_EQ(expected_state_cost({4}, file_).dump_ms, 11);
  EXPECT_DOUBLE_EQ(expected_state_cost({5}, file_).rest_ms, 22);
  EXPECT_DOUBLE_EQ(expected_state_cost({120}, file_).dump_ms, 500);
}

TEST_F(StateCostTest, ConnectionsCount) {
  EXPECT_GT(expected_state_cost({1, 1'000}, file_).dump_ms, 2 * expected_state_cost({1, 10}, file_).dump_ms);
  EXPECT_GT(expected_state_cost({1, 1'000}, file_).rest_ms, 2 * expected_state_cost({1, 10}, file_).rest_ms);
  remember_state_cost({1, 30}, {20, 30}, file_);
  remember_state_cost({1, 1'000}, {90, 110}, file_);
  EXPECT_DOUBLE_EQ(expected_state_cost({1, 0}, file_).dump_ms, 20);
  EXPECT_DOUBLE_EQ(expected_state_cost({1, 1'500}, file_).dump_ms, 90);
  base::replace_file(file_, "1 25.0 35.0\n", base::Durable::kNo);  // as it was written before connections were
  EXPECT_DOUBLE_EQ(expected_state_cost({1, 20}, file_).rest_ms, 35);
}

TEST_F(StateCostTest, TheNewestCount) {
  for (int i = 0; i < 7; ++i) remember_state_cost({1}, {100, 100}, file_);
  for (int i = 0; i < 7; ++i) remember_state_cost({1}, {20, 30}, file_);
  EXPECT_DOUBLE_EQ(expected_state_cost({1}, file_).dump_ms, 20);
}

TEST_F(StateCostTest, TheFileStaysSmallAndRubbishInItIsPassedOver) {
  for (int i = 0; i < 200; ++i) remember_state_cost({1}, {1, 1}, file_);
  auto text = base::read_file(file_);
  EXPECT_EQ(std::ranges::count(text, '\n'), 64);
  base::replace_file(file_, text + "not a line\n1 2\n", base::Durable::kNo);
  EXPECT_DOUBLE_EQ(expected_state_cost({1}, file_).dump_ms, 1);
}

}  // namespace
}  // namespace ferry::migration
