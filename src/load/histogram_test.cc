// SPDX-License-Identifier: Apache-2.0
#include "load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace ferry::load {
namespace {

constexpr double kQuantiles[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};

int64_t exact_quantile(const std::vector<int64_t>& sorted, double q) {
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

// Latencies spread over six powers of ten, which is where a histogram with fixed steps would fail.
std::vector<int64_t> long_tailed(size_t count) {
  std::mt19937_64 random(42);
  std::lognormal_distribution<double> latency(12, 2);
  std::vector<int64_t> values(count);
  for (int64_t& value : values) value = static_cast<int64_t>(latency(random));
  return values;
}

TEST(Histogram, QuantilesHaveThreeDigits) {
  std::vector<int64_t> values = long_tailed(200'000);
  Histogram histogram;
  for (const int64_t value : values) histogram.record(value);
  std::sort(values.begin(), values.end());
  for (const double q : kQuantiles) {
    const auto exact = static_cast<double>(exact_quantile(values, q));
    EXPECT_NEAR(static_cast<double>(histogram.quantile(q)), exact, exact * 0.001) << "q = " << q;
  }
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
}

TEST(Histogram, EveryValueIsWithinOneThousandth) {
  for (int64_t value = 0; value < (int64_t{1} << 41); value += 1 + value / 777) {
    Histogram histogram;
    histogram.record(value);
    histogram.record(int64_t{1} << 41);  // so that the quantile is not simply the largest
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5)), static_cast<double>(value),
                static_cast<double>(value) * 0.001);
    if (value > 10'000) value += value / 50;  // 270 kB each: some thousand values will do
  }
}

TEST(Histogram, EmptyHasNothing) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(0.5), 0);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, OutOfRangeIsClamped) {
  Histogram histogram;
  histogram.record(-5);
  histogram.record(INT64_MAX);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), (int64_t{1} << 42) - 1);
  EXPECT_EQ(histogram.count(), 2u);
}

TEST(Histogram, MergeIsTheSameAsRecordingBoth) {
  const std::vector<int64_t> values = long_tailed(1000);
  Histogram all, odd, even;
  for (size_t i = 0; i < values.size(); ++i) {
    all.record(values[i]);
    (i % 2 ? odd : even).record(values[i]);
  }
  even.merge(odd);
  EXPECT_EQ(even.buckets(), all.buckets());
  EXPECT_EQ(even.min(), all.min());
  EXPECT_EQ(even.max(), all.max());
  EXPECT_NEAR(even.mean(), all.mean(), 1e-3);
}

TEST(Histogram, RestoresFromItsBuckets) {
  Histogram before, after;
  for (const int64_t value : long_tailed(1000)) before.record(value);
  after.restore(before.buckets(), before.min(), before.max(), before.sum());
  for (const double q : kQuantiles) EXPECT_EQ(after.quantile(q), before.quantile(q));
  EXPECT_EQ(after.mean(), before.mean());
  EXPECT_EQ(after.buckets(), before.buckets());
}

}  // namespace
}  // namespace ferry::load
