// SPDX-License-Identifier: Apache-2.0
#include "bench/state_check.h"

#include <fmt/format.h>

namespace ferry::bench {

std::vector<std::string> differences(const ServiceState& before, const ServiceState& after,
                                     const load::CounterReport& answers) {
  std::vector<std::string> found;
  if (before.id != after.id) {
    found.push_back(fmt::format("it is another process: \"{}\" was \"{}\"", after.id, before.id));
  }
  if (answers.repeated > 0) found.push_back(fmt::format("{} numbers came twice", answers.repeated));
  if (answers.backwards > 0) {
    found.push_back(fmt::format("{} times the counter went back", answers.backwards));
  }
  if (answers.unaccounted > 0) {
    found.push_back(fmt::format("{} numbers never came", answers.unaccounted));
  }
  // A request that failed after it was sent may have counted, or not.
  const uint64_t least = before.value + answers.received;
  const uint64_t most = least + answers.failed_after_sent;
  if (after.value < least || after.value > most) {
    found.push_back(fmt::format("the counter is at {}, but {} increments were answered",
                                after.value, answers.received));
  }
  if (after.clock_went_back > before.clock_went_back) {
    found.push_back("its CLOCK_MONOTONIC went back");
  }
  return found;
}

}  // namespace ferry::bench
