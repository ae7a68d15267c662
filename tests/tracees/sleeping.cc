// SPDX-License-Identifier: Apache-2.0
//
// A thread in the middle of nanosleep(2), one in clock_nanosleep(2) until a time: both wake when they should.
#include <thread>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr int64_t kSleep_ns = 3 * kSecond_ns;
  const int64_t start = now_ns();
  int64_t relative_ns = 0, absolute_ns = 0;
  std::thread relative([&] {
    sleep_ns(kSleep_ns);  // interrupted, it sleeps on for what nanosleep says is left
    relative_ns = now_ns() - start;
  });
  std::thread absolute([&] {
    const timespec until = to_timespec(start + kSleep_ns);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    absolute_ns = now_ns() - start;
  });
  ready_and_wait();
  relative.join();
  absolute.join();
  require(longest_gap_ns < kSleep_ns, "the pause is shorter than the sleep");
  require_between(absolute_ns, kSleep_ns, kSleep_ns + longest_gap_ns + kSlack_ns, "until a time");
  require_between(relative_ns, kSleep_ns, kSleep_ns + longest_gap_ns + kSlack_ns, "for a time");
  return pass();
}
