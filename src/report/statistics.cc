// SPDX-License-Identifier: Apache-2.0
#include "report/statistics.h"

#include <algorithm>
#include <cmath>

namespace ferry::report {

namespace {

constexpr size_t kExactUpTo =
    30;  // measurements a side; the exact counting costs their fourth power
constexpr double kNormal975 = 1.96;  // of the normal distribution

double median_of(const std::vector<double>& sorted) {
  const size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// How many measurements may be left out at either end: the median lies outside of what remains when
// at most that many fall on one side of it, each with a chance of one half.
void add_bounds(Spread& spread, const std::vector<double>& sorted) {
  const size_t n = sorted.size();
  double chance = std::pow(0.5, static_cast<double>(n));  // of exactly k on one side
  double outside = chance;                                // of at most k
  size_t left_out = 0;
  for (size_t k = 1; k < n / 2; ++k) {
    chance *= static_cast<double>(n - k + 1) / static_cast<double>(k);
    if (1 - 2 * (outside + chance) < kConfidence) break;
    outside += chance;
    left_out = k;
  }
  spread.low = sorted[left_out];
  spread.high = sorted[n - 1 - left_out];
  spread.confidence = std::max(0.0, 1 - 2 * outside);
}

// In how many of all orders of n and m measurements u pairs stand the wrong way round, for each u:
// a Gaussian binomial coefficient, as a product of polynomials. Shares of all orders.
std::vector<double> shares_of_orders(size_t n, size_t m) {
  std::vector<double> shares(n * m + 1, 0.0);
  shares[0] = 1;
  for (size_t i = 1; i <= n; ++i) {
    for (size_t u = shares.size(); u-- > m + i;) shares[u] -= shares[u - m - i];
    for (size_t u = i; u < shares.size(); ++u) shares[u] += shares[u - i];
    // Over the binomial coefficient, a factor at a time: the numbers stay within a double's range.
    const double factor = static_cast<double>(i) / static_cast<double>(m + i);
    for (double& share : shares) share *= factor;
  }
  return shares;
}

// How many of the n * m sorted pairs lie outside the bounds at either end. 0: even the extremes do
// not reach the confidence.
size_t pairs_outside(size_t n, size_t m) {
  if (n > kExactUpTo || m > kExactUpTo) {
    const double count = static_cast<double>(n) * static_cast<double>(m);
    const double deviation = std::sqrt(count * static_cast<double>(n + m + 1) / 12);
    return static_cast<size_t>(std::max(0.0, std::floor(count / 2 - kNormal975 * deviation)));
  }
  double chance = 0;
  size_t outside = 0;
  for (const double share : shares_of_orders(n, m)) {
    chance += share;
    if (2 * chance > 1 - kConfidence) break;
    ++outside;
  }
  return outside;
}

// The bounds of a quantity of which each pair of measurements gives one value.
Range range_of(double value, std::vector<double> pairs, size_t outside) {
  std::ranges::sort(pairs);
  const size_t from = outside > 0 ? outside - 1 : 0;
  const double low = pairs[from], high = pairs[pairs.size() - 1 - from];
  return {value, std::min(low, value), std::max(high, value)};
}

template <typename Of>
std::vector<double> of_pairs(const std::vector<double>& a, const std::vector<double>& b, Of of) {
  std::vector<double> values;
  values.reserve(a.size() * b.size());
  for (const double x : a) {
    for (const double y : b) values.push_back(of(x, y));
  }
  return values;
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  Spread spread{values.size(), median_of(values), values.front(), values.back()};
  add_bounds(spread, values);
  return spread;
}

Comparison compare(const std::vector<double>& a, const std::vector<double>& b) {
  Comparison result;
  result.count_a = a.size();
  result.count_b = b.size();
  if (a.empty() || b.empty()) return result;
  const double median_a = spread_of(a).median, median_b = spread_of(b).median;
  const size_t outside = pairs_outside(a.size(), b.size());
  auto differences = of_pairs(a, b, [](double x, double y) { return x - y; });
  result.difference = range_of(median_a - median_b, differences, outside);
  const auto positive = [](double value) { return value > 0; };
  if (std::ranges::all_of(a, positive) && std::ranges::all_of(b, positive)) {
    auto ratios = of_pairs(a, b, [](double x, double y) { return x / y; });
    result.ratio = range_of(median_a / median_b, std::move(ratios), outside);
  }
  if (outside > 0) {
    const bool apart = result.difference.low > 0 || result.difference.high < 0;
    result.verdict = apart ? Verdict::kDifferent : Verdict::kCovered;
  }
  return result;
}

}  // namespace ferry::report
