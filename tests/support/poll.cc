// SPDX-License-Identifier: Apache-2.0
#include "support/poll.h"

#include <thread>

#include "base/clock.h"

namespace ferry::testing {

bool comes_true(const std::function<bool()>& condition, int limit_ms) {
  constexpr base::milliseconds kInterval{10};
  const auto deadline = base::mono_now() + base::milliseconds(limit_ms);
  while (!condition()) {
    if (base::mono_now() > deadline) return false;
    std::this_thread::sleep_for(kInterval);
  }
  return true;
}

}  // namespace ferry::testing
