// SPDX-License-Identifier: Apache-2.0
#include "handover/diversion.h"

namespace ferry::handover {

namespace {

// A flood of new frames must not keep them here for ever: after so many the rest may be overtaken.
constexpr size_t kMostInOrder = 4 * static_cast<size_t>(kMostWaiting);

}  // namespace

void Diversion::hand_over(const Take& give_it) {
  size_t taken = 0;
  while (taken < kMostInOrder) {
    const size_t some = take(kMostAtOnce, give_it);
    if (some == 0) break;
    taken += some;
  }
  lead_to_workload();
  take(kMostWaiting, give_it);
}

std::string bytes_of(Frame frame) { return {reinterpret_cast<const char*>(frame.data()), frame.size()}; }

}  // namespace ferry::handover
