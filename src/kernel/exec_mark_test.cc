// SPDX-License-Identifier: Apache-2.0
#include "kernel/exec_mark.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/subprocess.h"

namespace ferry::kernel {
namespace {

TEST(ExecMark, IsWhatTheProgramItselfHas) {
  const auto* own = reinterpret_cast<const unsigned char*>(::getauxval(AT_RANDOM));
  ASSERT_NE(own, nullptr);
  const auto mark = exec_mark_of(::getpid());
  ASSERT_TRUE(mark);
  ASSERT_EQ(mark->size(), 32u);
  EXPECT_EQ(mark->substr(0, 2), fmt::format("{:02x}", own[0]));
  EXPECT_EQ(mark->substr(30, 2), fmt::format("{:02x}", own[15]));
}

TEST(ExecMark, StaysTheSameAndDiffersBetweenTwoStartsOfOneProgram) {
  const base::Child one = base::spawn({"sleep", "60"}), two = base::spawn({"sleep", "60"});
  const auto first = exec_mark_of(one.pid()), second = exec_mark_of(two.pid());
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(exec_mark_of(one.pid()), first);
}

TEST(ExecMark, OfAProcessThatHasGoneThereIsNone) {
  base::Child gone = base::spawn({"true"});
  const pid_t pid = gone.pid();
  gone.wait();
  EXPECT_FALSE(exec_mark_of(pid));
  EXPECT_FALSE(exec_mark_of(2));  // kthreadd, or nobody in a pid namespace
}

}  // namespace
}  // namespace ferry::kernel
