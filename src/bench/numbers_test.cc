// SPDX-License-Identifier: Apache-2.0
#include "bench/numbers.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

TEST(Spread, IsTheMedianAndTheEnds) {
  const Spread odd = spread_of({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 5);
  EXPECT_EQ(spread_of({4, 1, 2, 100}).median, 3);
  EXPECT_EQ(spread_of({7}).median, 7);
}

TEST(Spread, OfNothingIsZero) {
  const Spread none = spread_of({});
  EXPECT_EQ(none.median, 0);
  EXPECT_EQ(none.max, 0);
}

TEST(Spread, IsWrittenToTheMicrosecond) {
  const auto json = to_json(spread_of({1.23456789}));
  EXPECT_EQ(json.at("median"), 1.235);
}

}  // namespace
}  // namespace ferry::bench
