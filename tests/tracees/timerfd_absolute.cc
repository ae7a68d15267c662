// SPDX-License-Identifier: Apache-2.0
//
// timerfd with an absolute time, on the monotonic and the boot clock: due when that clock says so, on any host.
#include <sys/timerfd.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr int64_t kLong_ns = 1000 * kSecond_ns, kShort_ns = 100 * kMillisecond_ns;
  const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  int fds[2];
  int64_t due[2];
  for (int i : {0, 1}) {
    fds[i] = static_cast<int>(must(::timerfd_create(clocks[i], 0)));
    due[i] = now_ns(clocks[i]) + kLong_ns;
    const itimerspec value{{}, to_timespec(due[i])};
    must(::timerfd_settime(fds[i], TFD_TIMER_ABSTIME, &value, nullptr));
  }

  ready_and_wait();
  for (int i : {0, 1}) {
    itimerspec left{};
    must(::timerfd_gettime(fds[i], &left));
    const int64_t exact_ns = due[i] - now_ns(clocks[i]);
    require_between(to_ns(left.it_value), exact_ns - kGrain_ns, exact_ns + longest_gap_ns + kSlack_ns,
                    "remaining on clock " + std::to_string(clocks[i]));
    const int64_t soon = now_ns(clocks[i]) + kShort_ns;
    const itimerspec value{{}, to_timespec(soon)};
    must(::timerfd_settime(fds[i], TFD_TIMER_ABSTIME, &value, nullptr));
    uint64_t count = 0;
    require_equal(::read(fds[i], &count, sizeof count), sizeof count, "read");
    require_between(now_ns(clocks[i]), soon, soon + kSlack_ns, "when it fired");
  }
  return pass();
}
