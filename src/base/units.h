// SPDX-License-Identifier: Apache-2.0
//
// Quantities as people type and read them. A rate or a duration without a unit is refused: "100" could be
// ten different things.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ferry::base {

// "64MiB", "1GB", "512k", "4096" (bytes). Throws Error.
uint64_t parse_bytes(std::string_view text);
// Bits: "1gbit", "100mbit"; bytes: "100MB/s", "10MiB/s". Returns bytes per second. Throws Error.
uint64_t parse_rate(std::string_view text);
// "50ms", "2s", "1.5s", "300us", "1m". Throws Error.
std::chrono::nanoseconds parse_duration(std::string_view text);
// "80%", 0 to 100. Throws Error.
int parse_percent(std::string_view text);

std::string format_bytes(uint64_t bytes);              // "1.5 MiB"
std::string format_rate(double bytes_per_second);      // "120 MiB/s"
std::string format_ms(double ms);                      // "3.2 ms", "1.20 s"

}  // namespace ferry::base
