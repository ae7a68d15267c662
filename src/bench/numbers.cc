// SPDX-License-Identifier: Apache-2.0
#include "bench/numbers.h"

#include <cmath>

namespace ferry::bench {

double rounded(double ms) { return std::round(ms * 1000) / 1000; }

nlohmann::ordered_json to_json(const report::Spread& spread) {
  return {{"median", rounded(spread.median)},
          {"min", rounded(spread.min)},
          {"max", rounded(spread.max)}};
}

}  // namespace ferry::bench
