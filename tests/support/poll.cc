// SPDX-License-Identifier: Apache-2.0
#include "support/poll.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/clock.h"

namespace ferry::testing {

namespace {

// Where all is emulated all is slow: how many times as long is to be waited (tools/guest-init).
int patience() {
  const char* const times = std::getenv("FERRY_TEST_PATIENCE");
  return times != nullptr ? std::max(1, std::atoi(times)) : 1;
}

}  // namespace

bool comes_true(const std::function<bool()>& condition, int limit_ms) {
  constexpr base::milliseconds kInterval{10};
  const auto deadline = base::mono_now() + base::milliseconds(limit_ms) * patience();
  while (!condition()) {
    if (base::mono_now() > deadline) return false;
    std::this_thread::sleep_for(kInterval);
  }
  return true;
}

}  // namespace ferry::testing
