// SPDX-License-Identifier: Apache-2.0
//
// Numbers in JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "report/statistics.h"

namespace ferry::bench {

double rounded(double ms);  // to 1 µs: what is behind it is noise
nlohmann::ordered_json to_json(const report::Spread& spread);

}  // namespace ferry::bench
