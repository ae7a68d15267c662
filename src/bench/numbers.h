// SPDX-License-Identifier: Apache-2.0
//
// Repeated measurements in three numbers. Medians, because a busy machine only ever adds time.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace ferry::bench {

struct Spread {
  double median = 0, min = 0, max = 0;
};

Spread spread_of(std::vector<double> values);  // all 0 for none
double rounded(double ms);                     // to 1 µs: what is behind it is noise
nlohmann::ordered_json to_json(const Spread& spread);

}  // namespace ferry::bench
