// SPDX-License-Identifier: Apache-2.0
//
// Numbers as a report shows them: three digits, since more would be noise, and never broken from
// their unit.
#pragma once

#include <cstdint>
#include <string>

namespace ferry::report {

std::string text_ms(double ms);          // "0.88 ms", "48.4 ms", "212 ms", "1.40 s"
std::string text_bytes(double bytes);    // "4.1 MiB"
std::string text_count(uint64_t count);  // "12,345"
std::string text_number(double value);   // three digits: "0.88", "17.5", "1,200"
std::string text_percent(double share);  // of 1: "0.3 %"

// "48.4–64.8 ms"; the unit once where it is the same.
std::string range_text(const std::string& low, const std::string& high);

}  // namespace ferry::report
