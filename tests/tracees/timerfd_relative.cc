// SPDX-License-Identifier: Apache-2.0
//
// timerfd with a relative time, on the monotonic and the boot clock: remaining time, and an expiration not read yet.
#include <sys/timerfd.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr int64_t kLong_ns = 1000 * kSecond_ns;
  const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  int fds[2];
  int64_t armed[2];
  for (int i : {0, 1}) {
    fds[i] = static_cast<int>(must(::timerfd_create(clocks[i], TFD_NONBLOCK)));
    const itimerspec value{{3, 0}, to_timespec(kLong_ns)};
    must(::timerfd_settime(fds[i], 0, &value, nullptr));
    armed[i] = now_ns(clocks[i]);
  }
  const int expired = static_cast<int>(must(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)));
  const itimerspec at_once{{}, {0, 1}};
  must(::timerfd_settime(expired, 0, &at_once, nullptr));
  sleep_ns(10 * kMillisecond_ns);

  ready_and_wait();
  uint64_t count = 0;
  for (int i : {0, 1}) {
    itimerspec left{};
    must(::timerfd_gettime(fds[i], &left));
    const int64_t exact_ns = kLong_ns - (now_ns(clocks[i]) - armed[i]);
    require_between(to_ns(left.it_value), exact_ns - kGrain_ns, exact_ns + longest_gap_ns + kSlack_ns,
                    "remaining on clock " + std::to_string(clocks[i]));
    require_equal(left.it_interval.tv_sec, 3, "the interval");
    require(::read(fds[i], &count, sizeof count) == -1 && errno == EAGAIN, "it has not expired");
  }
  require_equal(::read(expired, &count, sizeof count), sizeof count, "read of the one that has expired");
  require_equal(static_cast<int64_t>(count), 1, "its expirations");
  return pass();
}
