// SPDX-License-Identifier: Apache-2.0
//
// Is the service still itself? What it says of itself before and after, against what its client
// was told.
#pragma once

#include <string>
#include <vector>

#include "bench/service.h"
#include "load/counter.h"

namespace ferry::bench {

// What is wrong, in words; nothing when the state is intact.
std::vector<std::string> differences(const ServiceState& before, const ServiceState& after,
                                     const load::CounterReport& answers);

}  // namespace ferry::bench
