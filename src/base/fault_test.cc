// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::base {
namespace {

class FaultTest : public testing::Test {
 protected:
  void TearDown() override { set_faults(""); }
};

TEST_F(FaultTest, NothingHappensWithoutASpecification) {
  fault_point("source.frozen");
  EXPECT_FALSE(fault_due("channel.frame", "corrupt"));
}

TEST_F(FaultTest, FailsAtItsPointOnly) {
  set_faults("source.frozen=fail");
  fault_point("source.dumped");
  EXPECT_THROW(fault_point("source.frozen"), Error);
}

TEST_F(FaultTest, CanWaitForALaterVisit) {
  set_faults("source.chunk=fail@3");
  fault_point("source.chunk");
  fault_point("source.chunk");
  EXPECT_THROW(fault_point("source.chunk"), Error);
  fault_point("source.chunk");
}

TEST_F(FaultTest, StallsForAsLongAsSaid) {
  set_faults("target.restored=stall:30");
  const auto before = mono_now();
  fault_point("target.restored");
  EXPECT_GE(ms_between(before, mono_now()), 30.0);
}

TEST_F(FaultTest, PausesUntilToldToGoOn) {
  const pid_t child = ::fork();
  if (child == 0) {
    set_faults("source.dumped=pause@2");
    fault_point("source.dumped");
    fault_point("source.dumped");
    ::_exit(7);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  ::kill(child, SIGCONT);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

std::vector<bool> draw(const char* specification) {
  set_faults(specification);
  std::vector<bool> failed;
  for (int i = 0; i < 200; ++i) {
    try {
      fault_point("any.point");
      failed.push_back(false);
    } catch (const Error&) {
      failed.push_back(true);
    }
  }
  return failed;
}

TEST_F(FaultTest, ChanceIsReplayableByItsSeed) {
  const auto first = draw("*=fail%20:seed=42");
  EXPECT_EQ(first, draw("*=fail%20:seed=42"));
  EXPECT_NE(first, draw("*=fail%20:seed=43"));
  const auto failures = std::count(first.begin(), first.end(), true);
  EXPECT_GT(failures, 10);
  EXPECT_LT(failures, 80);
}

TEST_F(FaultTest, CallerMadeFaultsAreAskedFor) {
  set_faults("channel.frame=corrupt@2");
  EXPECT_FALSE(fault_due("channel.frame", "corrupt"));
  EXPECT_TRUE(fault_due("channel.frame", "corrupt"));
  fault_point("channel.frame");
}

TEST_F(FaultTest, RefusesWhatItCannotRead) {
  EXPECT_THROW(set_faults("nonsense"), Error);
  EXPECT_THROW(set_faults("a=fail@x"), Error);
}

}  // namespace
}  // namespace ferry::base
