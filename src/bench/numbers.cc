// SPDX-License-Identifier: Apache-2.0
#include "bench/numbers.h"

#include <algorithm>
#include <cmath>

namespace ferry::bench {

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  const bool odd = values.size() % 2 == 1;
  const double median = odd ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

double rounded(double ms) { return std::round(ms * 1000) / 1000; }

nlohmann::ordered_json to_json(const Spread& spread) {
  return {{"median", rounded(spread.median)},
          {"min", rounded(spread.min)},
          {"max", rounded(spread.max)}};
}

}  // namespace ferry::bench
