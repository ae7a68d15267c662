// SPDX-License-Identifier: Apache-2.0
//
// timer_create(2) on several clocks, relative and absolute: ids, notification and remaining times.
#include <sys/syscall.h>

#include "tracee.h"

namespace {
constexpr int64_t kLong_ns = 1000 * kSecond_ns;
struct Timer {
  clockid_t clock;
  bool absolute;
  timer_t id{};
  int64_t due_ns = 0;
};

void arm(Timer& timer) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMIN + 1;
  event.sigev_value.sival_int = 4711;
  must(::timer_create(timer.clock, &event, &timer.id));
  timer.due_ns = now_ns(timer.clock) + kLong_ns;
  const itimerspec value{{7, 0}, to_timespec(timer.absolute ? timer.due_ns : kLong_ns)};
  must(::timer_settime(timer.id, timer.absolute ? TIMER_ABSTIME : 0, &value, nullptr));
}

void check(const Timer& timer) {
  itimerspec left{};
  must(::timer_gettime(timer.id, &left));
  const int64_t exact_ns = timer.due_ns - now_ns(timer.clock);
  require_between(to_ns(left.it_value), exact_ns - kGrain_ns, exact_ns + longest_gap_ns + kSlack_ns,
                  "remaining on clock " + std::to_string(timer.clock) + (timer.absolute ? ", absolute" : ""));
  require_equal(left.it_interval.tv_sec, 7, "the interval");
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  Timer timers[] = {{CLOCK_MONOTONIC, false}, {CLOCK_MONOTONIC, true}, {CLOCK_BOOTTIME, false},
                    {CLOCK_REALTIME, false},  {CLOCK_REALTIME, true}};
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGRTMIN + 1);
  must(::sigprocmask(SIG_BLOCK, &blocked, nullptr));
  for (Timer& timer : timers) arm(timer);

  ready_and_wait();
  for (const Timer& timer : timers) check(timer);
  const itimerspec soon{{}, {0, kMillisecond_ns}};
  must(::timer_settime(timers[0].id, 0, &soon, nullptr));
  siginfo_t info{};
  const timespec limit{5, 0};
  require_equal(::sigtimedwait(&blocked, &info, &limit), SIGRTMIN + 1, "the signal");
  require_equal(info.si_value.sival_int, 4711, "its value");
  return pass();
}
