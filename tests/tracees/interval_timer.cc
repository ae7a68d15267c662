// SPDX-License-Identifier: Apache-2.0
//
// setitimer(2): the remaining time goes on where it was, and a repeated one fires again after the move.
#include <sys/time.h>

#include "tracee.h"

namespace {
volatile sig_atomic_t fired = 0;
constexpr int64_t kLong_ns = 1000 * kSecond_ns;

void arm(int which, int64_t first_ns, int64_t interval_ns) {
  const itimerval value{{interval_ns / kSecond_ns, interval_ns % kSecond_ns / 1000},
                        {first_ns / kSecond_ns, first_ns % kSecond_ns / 1000}};
  must(::setitimer(which, &value, nullptr));
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  ::signal(SIGALRM, [](int) { fired = fired + 1; });
  arm(ITIMER_REAL, kLong_ns, 20 * kMillisecond_ns);
  arm(ITIMER_VIRTUAL, kLong_ns, 0);
  arm(ITIMER_PROF, kLong_ns, 0);
  const int64_t armed = now_ns();

  ready_and_wait();
  itimerval left{};
  must(::getitimer(ITIMER_REAL, &left));
  const int64_t left_ns = left.it_value.tv_sec * kSecond_ns + left.it_value.tv_usec * 1000;
  const int64_t exact_ns = kLong_ns - (now_ns() - armed);
  require_between(left_ns, exact_ns - kGrain_ns, exact_ns + longest_gap_ns + kSlack_ns, "remaining of 1,000 s");
  require_equal(left.it_interval.tv_usec, 20'000, "the interval");
  for (const int which : {ITIMER_VIRTUAL, ITIMER_PROF}) {
    must(::getitimer(which, &left));
    require_between(left.it_value.tv_sec, 990, 1000, "remaining seconds of a timer for CPU time");
  }
  arm(ITIMER_REAL, 10 * kMillisecond_ns, 10 * kMillisecond_ns);
  sleep_ns(kSlack_ns);
  require(fired >= 3, "it fires");
  return pass();
}
