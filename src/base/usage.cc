// SPDX-License-Identifier: Apache-2.0
#include "base/usage.h"

#include <sys/resource.h>

#include <cstdlib>
#include <string>

#include "base/fd.h"

namespace ferry::base {

namespace {

double cpu_ms(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto ms = [](const timeval& time) { return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

}  // namespace

Usage own_usage() {
  constexpr std::string_view kPeak = "VmHWM:";
  const std::string status = try_read_file("/proc/self/status").value_or("");
  const size_t peak = status.find(kPeak);
  const uint64_t kib = peak == std::string::npos ? 0 : std::strtoull(status.c_str() + peak + kPeak.size(), nullptr, 10);
  return {cpu_ms(RUSAGE_SELF) + cpu_ms(RUSAGE_CHILDREN), kib << 10};
}

}  // namespace ferry::base
