// SPDX-License-Identifier: Apache-2.0
//
// Timers that fire every 20 ms go on firing after the move: setitimer and timer_create.
#include <sys/time.h>

#include "tracee.h"

namespace {
volatile sig_atomic_t alarms = 0, signals = 0;
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  ::signal(SIGALRM, [](int) { alarms = alarms + 1; });
  ::signal(SIGUSR1, [](int) { signals = signals + 1; });
  const itimerval micro{{0, 20'000}, {0, 20'000}};
  const itimerspec nano{{0, 20 * kMillisecond_ns}, {0, 20 * kMillisecond_ns}};
  must(::setitimer(ITIMER_REAL, &micro, nullptr));
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  timer_t timer{};
  must(::timer_create(CLOCK_MONOTONIC, &event, &timer));
  must(::timer_settime(timer, 0, &nano, nullptr));

  ready_and_wait();
  alarms = 0;
  signals = 0;
  sleep_ns(kSlack_ns);
  require(alarms >= 3 && signals >= 3, "they fire");
  return pass();
}
