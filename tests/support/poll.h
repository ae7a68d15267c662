// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace ferry::testing {

// Polls; false when it has not come true within the limit.
bool comes_true(const std::function<bool()>& condition, int limit_ms = 10'000);

}  // namespace ferry::testing
