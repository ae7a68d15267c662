// SPDX-License-Identifier: Apache-2.0
#include "load/schedule.h"

#include <gtest/gtest.h>

namespace ferry::load {
namespace {

using namespace std::chrono_literals;

TEST(Schedule, SpreadsRequestsEvenly) {
  const Schedule schedule(1000, 2s);
  EXPECT_EQ(schedule.count(), 2000u);
  EXPECT_EQ(schedule.due_ns(0), 0);
  EXPECT_EQ(schedule.due_ns(1), 1'000'000);
  EXPECT_EQ(schedule.due_ns(1999), 1'999'000'000);
}

TEST(Schedule, DoesNotDriftAtAnOddRate) {
  const Schedule schedule(30'000, 600s);
  EXPECT_EQ(schedule.count(), 18'000'000u);
  // The last request of the 600 s is one interval, 33.333 us, before their end.
  EXPECT_NEAR(static_cast<double>(schedule.due_ns(17'999'999)), 600e9 - 33'333.333, 1.0);
}

TEST(Schedule, IsMonotonic) {
  const Schedule schedule(12'345.678, 10s);
  for (uint64_t i = 1; i < schedule.count(); ++i) {
    ASSERT_GT(schedule.due_ns(i), schedule.due_ns(i - 1));
  }
}

TEST(Schedule, AlwaysHasOneRequest) { EXPECT_EQ(Schedule(0.5, 1s).count(), 1u); }

}  // namespace
}  // namespace ferry::load
