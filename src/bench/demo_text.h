// SPDX-License-Identifier: Apache-2.0
//
// The demo's result as people read it, at most 80 columns wide.
#pragma once

#include <string>

#include "bench/machine.h"
#include "bench/runner.h"

namespace ferry::bench {

std::string demo_text(const Scenario& scenario, const RunResult& result, const Machine& machine,
                      const Paint& paint);
std::string what_next(const base::Path& output, const Paint& paint);

}  // namespace ferry::bench
