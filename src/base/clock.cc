// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <fmt/format.h>
#include <time.h>

#include <cerrno>

#include "base/error.h"

namespace ferry::base {

int ms_until(MonoTime deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - mono_now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

int64_t clock_ns(int clock_id) {
  timespec now{};
  if (::clock_gettime(clock_id, &now) < 0) throw SysError("clock_gettime", errno, "");
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t mono_ns() { return clock_ns(CLOCK_MONOTONIC); }

int64_t real_ns() { return clock_ns(CLOCK_REALTIME); }

std::string local_hhmm(int64_t ns) {
  const time_t seconds = ns / 1'000'000'000;
  tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}", parts.tm_hour, parts.tm_min);
}

std::string iso_time(int64_t ns) {
  const time_t seconds = ns / 1'000'000'000;
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     ns / 1'000'000 % 1000);
}

}  // namespace ferry::base
