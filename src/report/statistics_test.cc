// SPDX-License-Identifier: Apache-2.0
#include "report/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ferry::report {
namespace {

std::vector<double> one_to(int n) {
  std::vector<double> values;
  for (int i = 1; i <= n; ++i) values.push_back(i);
  return values;
}

TEST(Spread, OfNoneAndOfOne) {
  EXPECT_EQ(spread_of({}).count, 0u);
  const Spread one = spread_of({7});
  EXPECT_EQ(one.median, 7);
  EXPECT_EQ(one.min, 7);
  EXPECT_EQ(one.high, 7);
  EXPECT_EQ(one.confidence, 0);  // a single one says nothing of the next
}

TEST(Spread, MedianOfOddAndEven) {
  EXPECT_EQ(spread_of({5, 1, 9}).median, 5);
  EXPECT_EQ(spread_of({5, 1, 9, 6}).median, 5.5);
}

// Bounds and confidences as in tables of the sign test.
TEST(Spread, BoundsOfTheMedianAreThoseOfTheTables) {
  const Spread three = spread_of(one_to(3));
  EXPECT_EQ(three.low, 1);
  EXPECT_EQ(three.high, 3);
  EXPECT_DOUBLE_EQ(three.confidence, 0.75);
  EXPECT_DOUBLE_EQ(spread_of(one_to(5)).confidence, 0.9375);
  const Spread eight = spread_of(one_to(8));
  EXPECT_EQ(eight.low, 1);
  EXPECT_EQ(eight.high, 8);
  EXPECT_NEAR(eight.confidence, 0.9922, 1e-4);
  const Spread nine = spread_of(one_to(9));
  EXPECT_EQ(nine.low, 2);
  EXPECT_EQ(nine.high, 8);
  EXPECT_NEAR(nine.confidence, 0.9609, 1e-4);
  const Spread twenty = spread_of(one_to(20));
  EXPECT_EQ(twenty.low, 6);
  EXPECT_EQ(twenty.high, 15);
  EXPECT_NEAR(twenty.confidence, 0.9586, 1e-4);
}

TEST(Compare, ThreeASideAreTooFewHoweverFarApart) {
  EXPECT_EQ(compare({1, 2, 3}, {100, 200, 300}).verdict, Verdict::kTooFew);
  EXPECT_EQ(compare({1}, {100}).verdict, Verdict::kTooFew);
  EXPECT_EQ(compare({}, {100}).verdict, Verdict::kTooFew);
}

TEST(Compare, FourASideMustNotOverlap) {
  const Comparison apart = compare({10, 11, 12, 13}, {1, 2, 3, 4});
  EXPECT_EQ(apart.verdict, Verdict::kDifferent);
  ASSERT_TRUE(apart.ratio);
  EXPECT_DOUBLE_EQ(apart.ratio->value, 11.5 / 2.5);
  EXPECT_LE(apart.ratio->low, apart.ratio->value);
  EXPECT_GT(apart.ratio->low, 1);
  EXPECT_EQ(compare({10, 11, 12, 3.5}, {1, 2, 3, 4}).verdict, Verdict::kCovered);
}

// Critical values of U from the usual tables (two-sided, 5 %): 5 and 5: 2; 8 and 8: 13; 6 and
// 10: 11.
TEST(Compare, CriticalValuesAreThoseOfTheTables) {
  const auto with_u = [](int n, int m, int u) {
    // n low values and m high ones, of which u pairs stand the wrong way round.
    std::vector<double> a, b;
    for (int j = 0; j < m; ++j) b.push_back(10 * (j + 1));
    for (int i = 0; i < n; ++i) {
      const int above = std::min(u, m);
      u -= above;
      a.push_back(10 * above + 1 + i * 0.1);
    }
    return compare(a, b).verdict;
  };
  EXPECT_EQ(with_u(5, 5, 2), Verdict::kDifferent);
  EXPECT_EQ(with_u(5, 5, 3), Verdict::kCovered);
  EXPECT_EQ(with_u(8, 8, 13), Verdict::kDifferent);
  EXPECT_EQ(with_u(8, 8, 14), Verdict::kCovered);
  EXPECT_EQ(with_u(6, 10, 11), Verdict::kDifferent);
  EXPECT_EQ(with_u(6, 10, 12), Verdict::kCovered);
}

TEST(Compare, EqualValuesAreNoDifference) {
  const Comparison same = compare({0, 0, 0, 0, 0}, {0, 0, 0, 0, 0});
  EXPECT_EQ(same.verdict, Verdict::kCovered);
  EXPECT_EQ(same.difference.value, 0);
  EXPECT_FALSE(same.ratio);  // no multiple of nothing
}

// What a test at 5 % promises: of two samples of the same thing it calls few different.
TEST(Compare, SeldomCallsTheSameDifferentAndFindsWhatIsTwiceAsMuch) {
  std::mt19937 random(4);
  std::exponential_distribution<double> noise(0.2);  // added to 50 ms, as by a busy machine
  constexpr int kTrials = 300;
  for (const size_t count : {5u, 12u, 40u}) {
    int alarms = 0, found = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> a, b, twice;
      for (size_t i = 0; i < count; ++i) {
        a.push_back(50 + noise(random));
        b.push_back(50 + noise(random));
        twice.push_back(2 * (50 + noise(random)));
      }
      alarms += compare(a, b).verdict == Verdict::kDifferent;
      const Comparison doubled = compare(twice, a);
      found += doubled.verdict == Verdict::kDifferent && doubled.ratio->low < 2.05 &&
               doubled.ratio->high > 1.95;
    }
    EXPECT_LT(alarms, kTrials * 8 / 100) << count << " a side";
    EXPECT_GT(found, kTrials * 95 / 100) << count << " a side";
  }
}

}  // namespace
}  // namespace ferry::report
