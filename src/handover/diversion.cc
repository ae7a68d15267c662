// SPDX-License-Identifier: Apache-2.0
#include "handover/diversion.h"

namespace ferry::handover {

namespace {

// A flood of new frames must not keep them here for ever: after so many the rest may be overtaken.
constexpr size_t kMostInOrder = 4 * static_cast<size_t>(kMostWaiting);

}  // namespace

void hand_over_in_order(const std::function<size_t()>& give_some, const std::function<void()>& open) {
  const auto give = [&] {
    for (size_t taken = 0; taken < kMostInOrder;) {
      const size_t some = give_some();
      if (some == 0) break;
      taken += some;
    }
  };
  give();
  open();
  give();
}

void Diversion::hand_over(const Take& give_it) {
  hand_over_in_order([&] { return take(kMostAtOnce, give_it); }, [&] { lead_to_workload(); });
}

std::string bytes_of(Frame frame) { return {reinterpret_cast<const char*>(frame.data()), frame.size()}; }

}  // namespace ferry::handover
