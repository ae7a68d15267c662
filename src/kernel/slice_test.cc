// SPDX-License-Identifier: Apache-2.0
#include "kernel/slice.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "kernel/uapi.h"

namespace ferry::kernel {
namespace {

ThreadSchedule own_schedule() {
  ThreadSchedule schedule{};
  EXPECT_EQ(::syscall(SYS_sched_getattr, 0, &schedule, sizeof schedule, 0), 0);
  return schedule;
}

TEST(Slice, IsTheThreadsAloneAndNothingElseChanges) {
  std::thread([] {
    const auto before = own_schedule();
    give_way_at_once();
    const auto after = own_schedule();
    EXPECT_EQ(after.policy, before.policy);
    EXPECT_EQ(after.nice, before.nice);
    if (before.slice_ns == 0) GTEST_SKIP() << "this kernel has no slices of a thread's own";
    EXPECT_GT(after.slice_ns, before.slice_ns);
  }).join();
  EXPECT_LT(own_schedule().slice_ns, 100'000'000u);
}

TEST(Slice, WhoMustNotBeLateIsInFrontOfTheOthers) {
  std::thread([] {
    const auto before = own_schedule();
    run_on_time();
    const auto after = own_schedule();
    if (after.policy == SCHED_FIFO) {
      EXPECT_EQ(after.priority, 1u);
      return;
    }
    if (before.slice_ns == 0) GTEST_SKIP() << "neither real time nor slices of a thread's own here";
    EXPECT_LT(after.slice_ns, before.slice_ns);
  }).join();
  EXPECT_NE(own_schedule().policy, static_cast<uint32_t>(SCHED_FIFO));
}

TEST(Slice, IsAsUsualAgain) {
  std::thread([] {
    const auto before = own_schedule();
    for (const auto change : {give_way_at_once, run_on_time}) {
      change();
      run_as_usual();
      const auto after = own_schedule();
      EXPECT_EQ(after.policy, before.policy);
      EXPECT_EQ(after.nice, 0);
      EXPECT_EQ(after.slice_ns, before.slice_ns);
    }
  }).join();
}

}  // namespace
}  // namespace ferry::kernel
