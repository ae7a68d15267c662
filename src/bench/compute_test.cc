// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/error.h"
#include "bench/programs.h"

namespace ferry::bench {
namespace {

constexpr const char* kLines =
    "time_s=0.200 steps=100 lost_ms=1.0 longest_ms=1.0 longest_at_s=0.1 checksum=1f right=yes\n"
    "time_s=0.400 steps=200 lost_ms=2.5 longest_ms=1.0 longest_at_s=0.1 checksum=1f right=yes\n"
    "time_s=0.700 steps=300 lost_ms=90.0 longest_ms=86.0 longest_at_s=0.5 checksum=1f right=NO\n"
    "time_s=0.9";

TEST(Compute, ReadsItsWholeLines) {
  const auto lines = compute_lines(kLines);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1].steps, 200u);
  EXPECT_DOUBLE_EQ(lines[1].time_s, 0.4);
  EXPECT_TRUE(lines[1].right);
  EXPECT_FALSE(lines[2].right);
  EXPECT_TRUE(compute_lines("").empty());
  EXPECT_THROW(compute_lines("Segmentation fault\n"), base::Error);
}

TEST(Compute, TheLargestLossIsThePause) {
  const auto lines = compute_lines(kLines);
  EXPECT_DOUBLE_EQ(largest_loss_ms(lines, 0), 87.5);
  EXPECT_DOUBLE_EQ(largest_loss_ms(lines, 3), 0);
}

}  // namespace
}  // namespace ferry::bench
