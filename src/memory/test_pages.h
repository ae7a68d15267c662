// SPDX-License-Identifier: Apache-2.0
//
// For tests: ranges by the numbers of their pages.
#pragma once

#include "memory/page_set.h"

namespace ferry::memory {

inline kernel::AddressRange pages(uint64_t first, uint64_t count, uint64_t start = 0) {
  return {start + first * kPageBytes, start + (first + count) * kPageBytes};
}

}  // namespace ferry::memory
