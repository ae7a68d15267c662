// SPDX-License-Identifier: Apache-2.0
//
// Two clocks: monotonic for durations and deadlines, real time for what people and journals read.
// A time namespace shifts CLOCK_MONOTONIC; CLOCK_REALTIME is the same in all of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ferry::base {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using MonoTime = std::chrono::steady_clock::time_point;  // CLOCK_MONOTONIC of our own time namespace

inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr double as_ms(int64_t ns) { return static_cast<double>(ns) / kNsPerMs; }
inline MonoTime mono_now() { return std::chrono::steady_clock::now(); }
inline double ms_between(MonoTime from, MonoTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}
// What poll(2) wants: whole milliseconds, rounded up, never negative.
int ms_until(MonoTime deadline);

int64_t real_ns();                        // CLOCK_REALTIME, ns since the epoch
int64_t mono_ns();                        // CLOCK_MONOTONIC
int64_t clock_ns(int clock_id);           // any clock, as clock_gettime(2) numbers it
std::string local_hhmm(int64_t real_ns);  // "12:03"
std::string iso_time(int64_t real_ns);    // "2026-11-23T12:03:04.123Z"

}  // namespace ferry::base
