// SPDX-License-Identifier: Apache-2.0
//
// Names and limits that the two halves of Field share.
#pragma once

#include <string>

namespace ferry::faults {

inline const std::string kHome = "east", kAway = "west", kClient = "client";
inline constexpr const char* kName = "census";
inline constexpr int kByItselfLimit_ms = 6'000;  // a guard needs a second at most: two SSH connections

}  // namespace ferry::faults
