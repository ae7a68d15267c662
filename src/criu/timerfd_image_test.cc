// SPDX-License-Identifier: Apache-2.0
#include "criu/timerfd_image.h"

#include <gtest/gtest.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <thread>

namespace ferry::criu {
namespace {

image::TimerFd timer(uint32_t flags, uint64_t ticks, uint64_t left_s, uint64_t left_ns, uint64_t interval_s, uint64_t interval_ns) {
  image::TimerFd made;
  made.set_clockid(CLOCK_MONOTONIC);
  made.set_settime_flags(flags);
  made.set_ticks(ticks);
  made.set_vsec(left_s);
  made.set_vnsec(left_ns);
  made.set_isec(interval_s);
  made.set_insec(interval_ns);
  return made;
}

std::optional<kernel::TimerState> must_not_ask() {
  ADD_FAILURE() << "the image says it all";
  return std::nullopt;
}
std::optional<kernel::TimerState> has_gone() { return std::nullopt; }

TEST(TimerfdImage, WhatIsRestoredAsItWasIsNotTouched) {
  for (const auto& fine : {timer(0, 0, 5, 1, 0, 0), timer(0, 0, 5, 1, 3, 0), timer(0, 0, 0, 0, 0, 0), timer(0, 1, 0, 0, 0, 0),
                           timer(0, 0, 0, 0, 3, 0) /* disarmed */}) {
    auto copy = fine;
    EXPECT_FALSE(correct_timer(copy, must_not_ask));
    EXPECT_EQ(copy.SerializeAsString(), fine.SerializeAsString());
  }
}

TEST(TimerfdImage, AnAbsoluteTimeBecomesWhatIsLeftOfIt) {
  auto absolute = timer(TFD_TIMER_ABSTIME, 0, 999, 123, 0, 0);
  EXPECT_TRUE(correct_timer(absolute, must_not_ask));
  EXPECT_EQ(absolute.settime_flags(), 0u);
  EXPECT_EQ(absolute.vsec(), 999u);
  EXPECT_EQ(absolute.vnsec(), 123u);
}

TEST(TimerfdImage, OneThatWatchesTheClockStaysAbsoluteAndIsNotEarly) {
  auto watching = timer(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 0, 999, 123, 0, 0);
  EXPECT_TRUE(correct_timer(watching, must_not_ask));
  EXPECT_EQ(watching.settime_flags(), uint32_t{TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET});
  EXPECT_EQ(watching.vsec(), 1000u);
}

TEST(TimerfdImage, AnAbsoluteOneThatIsDisarmedStaysSo) {
  for (const int flags : {0 + TFD_TIMER_ABSTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET}) {
    auto disarmed = timer(static_cast<uint32_t>(flags), 0, 0, 0, 0, 0);
    EXPECT_TRUE(correct_timer(disarmed, must_not_ask));
    EXPECT_EQ(disarmed.settime_flags(), 0u);
    EXPECT_EQ(disarmed.vsec(), 0u);
  }
}

TEST(TimerfdImage, ARepeatingOneThatHasExpiredUnreadGoesOnAsTheKernelSays) {
  const base::Fd real(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  const itimerspec every_10_s{{10, 0}, {0, 1}};
  ASSERT_EQ(::timerfd_settime(real.get(), 0, &every_10_s, nullptr), 0);
  while (kernel::ask_timer(::getpid(), real.get())->expirations == 0) std::this_thread::yield();
  auto unread = timer(0, 1, 0, 0, 10, 0);
  EXPECT_TRUE(correct_timer(unread, [&] { return kernel::ask_timer(::getpid(), real.get()); }));
  EXPECT_EQ(unread.ticks(), 1u);
  EXPECT_GE(unread.vsec(), 8u);
  EXPECT_LE(unread.vsec(), 9u);
  uint64_t count = 0;
  EXPECT_EQ(::read(real.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count)) << "asking has not read it";
  EXPECT_EQ(count, 1u);
}

TEST(TimerfdImage, ARepeatingOneThatCannotBeAskedExpiresAfterItsInterval) {
  auto unread = timer(TFD_TIMER_ABSTIME, 4, 0, 0, 10, 7);
  EXPECT_TRUE(correct_timer(unread, has_gone));
  EXPECT_EQ(unread.ticks(), 4u);
  EXPECT_EQ(unread.vsec(), 10u);
  EXPECT_EQ(unread.vnsec(), 7u);
  EXPECT_EQ(unread.settime_flags(), 0u);
}

TEST(TaskFd, OnlyATimerCanBeAsked) {
  EXPECT_FALSE(kernel::ask_timer(::getpid(), STDIN_FILENO));
  EXPECT_FALSE(kernel::ask_timer(::getpid(), 1'000'000));
}

}  // namespace
}  // namespace ferry::criu
