// SPDX-License-Identifier: Apache-2.0
#include "base/usage.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "base/clock.h"

namespace ferry::base {
namespace {

void compute(double ms) {
  const int64_t until = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + static_cast<int64_t>(ms * 1e6);
  while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < until) {
  }
}

TEST(Usage, CountsItsOwnAndItsChildrensTime) {
  const double before = own_usage().cpu_ms;
  compute(50);
  const double own = own_usage().cpu_ms - before;
  EXPECT_GE(own, 40);
  const pid_t child = ::fork();
  if (child == 0) {
    compute(50);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_GE(own_usage().cpu_ms - before, own + 40);
}

// In a child: this process's peak may lie in its past.
TEST(Usage, ThePeakIsOfThisProcessAndStays) {
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr size_t kBytes = size_t{256} << 20;
    const uint64_t before = own_usage().peak_rss_bytes;
    { std::vector<char> much(kBytes, 'x'); }
    const uint64_t after = own_usage().peak_rss_bytes;
    ::_exit(before > 0 && after >= kBytes && after < before + 2 * kBytes ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ferry::base
