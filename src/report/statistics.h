// SPDX-License-Identifier: Apache-2.0
//
// Repeated measurements, and what may be said of them. Nothing here supposes a shape of the noise:
// a busy machine only ever adds time, and now and then a lot, so everything goes by order.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace ferry::report {

constexpr double kConfidence = 0.95;  // what is aimed at

struct Spread {
  size_t count = 0;
  double median = 0, min = 0, max = 0;  // all 0 for none
  // The true median lies between two of the measurements, with `confidence`: the narrowest such
  // pair that has at least kConfidence, by the binomial distribution. Fewer than six measurements
  // cannot give that much: then it is min and max, with the confidence that these have (3: 75 %).
  double low = 0, high = 0, confidence = 0;
};

Spread spread_of(std::vector<double> values);

// What the noise cannot cover is a difference. The test is the two-sided one of Mann and Whitney
// at 5 %: exact up to 30 measurements a side, by its normal approximation above. Ties count as no
// difference. Three measurements a side can never show one, four can.
enum class Verdict {
  kTooFew,   // nothing can be said with so few
  kCovered,  // by the noise
  kDifferent,
};

struct Range {
  double value = 0, low = 0, high = 0;  // low and high with kConfidence, by turning the test round
};

struct Comparison {
  Verdict verdict = Verdict::kTooFew;
  size_t count_a = 0, count_b = 0;
  Range difference;            // median of a minus median of b
  std::optional<Range> ratio;  // "a is N times b"; none where a value is not above 0
};

// With kTooFew the bounds are the extremes, and 0 without any measurement on a side.
Comparison compare(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace ferry::report
