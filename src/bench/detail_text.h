// SPDX-License-Identifier: Apache-2.0
//
// A few moves side by side, with all that is known of them; at most 80 columns wide for two.
#pragma once

#include <string>

#include "bench/table.h"
#include "report/experiment.h"

namespace ferry::bench {

// More moves than this go into the summary (summary_text.h) instead.
constexpr size_t kMostInDetail = 2;

std::string detail_text(const report::Experiment& experiment, const Paint& paint);

}  // namespace ferry::bench
