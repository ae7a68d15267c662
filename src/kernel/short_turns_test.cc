// SPDX-License-Identifier: Apache-2.0
#include "kernel/short_turns.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "kernel/uapi.h"

namespace ferry::kernel {
namespace {

SchedAttributes attributes() {
  SchedAttributes found;
  EXPECT_EQ(::syscall(SYS_sched_getattr, 0, &found, sizeof found, 0), 0);
  return found;
}

TEST(ShortTurns, AreOfThisThreadAloneAndChangeNothingElse) {
  const SchedAttributes before = attributes();
  if (before.runtime == 0) GTEST_SKIP() << "this kernel has no slices of a task's own (6.12)";
  std::thread([&] {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 5);
    take_short_turns();
    const SchedAttributes now = attributes();
    EXPECT_EQ(now.runtime, 100'000u);
    EXPECT_EQ(now.policy, before.policy);
    EXPECT_EQ(now.nice, 5);
  }).join();
  EXPECT_EQ(attributes().runtime, before.runtime);
}

}  // namespace
}  // namespace ferry::kernel
