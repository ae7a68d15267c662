// SPDX-License-Identifier: Apache-2.0
#include "criu/timerfd_image.h"

#include <sys/timerfd.h>

namespace ferry::criu {
namespace {

bool is_armed(const image::TimerFd& timer) { return timer.vsec() != 0 || timer.vnsec() != 0; }

// What is left goes on counting when it is restored: like every other timer it is late by the pause, and never early.
void make_relative(image::TimerFd& timer) {
  const bool watches_the_clock = is_armed(timer) && (timer.settime_flags() & TFD_TIMER_CANCEL_ON_SET) != 0;
  if (!watches_the_clock) return timer.set_settime_flags(0);
  timer.set_vsec(timer.vsec() + 1);  // to be told when the clock is set it must stay absolute: rather late than early
}

void bring_up_to_date(image::TimerFd& timer, const AskTimer& ask) {
  const auto now = ask();
  if (now) timer.set_ticks(now->expirations);
  const bool known = now && (now->left.tv_sec != 0 || now->left.tv_nsec != 0);
  timer.set_vsec(known ? static_cast<uint64_t>(now->left.tv_sec) : timer.isec());
  timer.set_vnsec(known ? static_cast<uint64_t>(now->left.tv_nsec) : timer.insec());
}

}  // namespace

bool correct_timer(image::TimerFd& timer, const AskTimer& ask) {
  const bool repeats = timer.isec() != 0 || timer.insec() != 0;
  const bool unread = repeats && !is_armed(timer) && timer.ticks() > 0;
  const bool absolute = (timer.settime_flags() & TFD_TIMER_ABSTIME) != 0;
  if (unread) bring_up_to_date(timer, ask);
  if (absolute) make_relative(timer);
  return unread || absolute;
}

}  // namespace ferry::criu
