// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bench/programs.h"

namespace ferry::bench {
namespace {

TEST(Looper, GoesOnWhenEveryNumberCameOnceAndFromOneProcess) {
  EXPECT_TRUE(looper_complaints("0000 -> ab\n0001 -> ab\n0002 -> ab\n").empty());
  EXPECT_TRUE(looper_complaints("0000 -> ab\n0001 -").empty());  // not printed whole yet
  EXPECT_EQ(looper_complaints("0000 -> ab\n0002 -> ab\n").size(), 1u);
  EXPECT_EQ(looper_complaints("0000 -> ab\n0000 -> cd\n").size(), 2u);  // it has begun again
  EXPECT_EQ(looper_complaints("0000 -> ab\nTraceback\n").size(), 1u);
  EXPECT_EQ(looper_complaints("").size(), 1u);
}

}  // namespace
}  // namespace ferry::bench
