// SPDX-License-Identifier: Apache-2.0
#include "kernel/slice.h"

#include <gtest/gtest.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"
#include "kernel/procfs.h"
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

// A child that has a session of its own, or ours.
class Slices : public ::testing::TestWithParam<bool> {};

TEST_P(Slices, WhoIsAboutToEndIsInNoHurry) {
  const auto ready = base::make_pipe();
  const pid_t child = ::fork();
  if (child == 0) {
    if (GetParam()) ::setsid();
    std::thread other([&] {
      (void)!::write(ready.second.get(), "r", 1);
      for (;;) ::pause();
    });
    for (;;) ::pause();
  }
  char word = 0;
  EXPECT_EQ(::read(ready.first.get(), &word, 1), 1);
  const auto session_of = [](pid_t pid) { return base::try_read_file(fmt::format("/proc/{}/autogroup", pid)).value_or(""); };
  const auto ours = session_of(::getpid());
  let_end_unhurried({child});
  const auto threads = threads_of(child);
  EXPECT_EQ(threads.size(), 2u);
  for (const pid_t tid : threads) EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(tid)), 10);
  EXPECT_EQ(session_of(::getpid()), ours);
  const auto its = session_of(child);
  if (GetParam() && !its.empty()) EXPECT_TRUE(its.ends_with("nice 10\n")) << its;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

INSTANTIATE_TEST_SUITE_P(Of, Slices, ::testing::Bool());

}  // namespace
}  // namespace ferry::kernel
