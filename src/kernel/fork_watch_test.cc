// SPDX-License-Identifier: Apache-2.0
#include "kernel/fork_watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace ferry::kernel {
namespace {

pid_t make_child() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

class ForkWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!watch_) GTEST_SKIP() << "no perf events of whole CPUs here (CAP_PERFMON)";
  }
  bool has_forked(pid_t pid) {
    const auto parents = watch_->take();
    EXPECT_TRUE(parents);
    return parents && parents->contains(pid);
  }
  std::optional<ForkWatch> watch_ = ForkWatch::try_open();
};

TEST_F(ForkWatchTest, AChildThatHasComeAndGone) {
  EXPECT_FALSE(has_forked(::getpid()));
  make_child();
  EXPECT_TRUE(has_forked(::getpid()));
  EXPECT_FALSE(has_forked(::getpid()));
}

TEST_F(ForkWatchTest, AThreadIsNoChild) {
  std::thread([] {}).join();
  EXPECT_FALSE(has_forked(::getpid()));
  std::thread([] { make_child(); }).join();  // wherever it runs
  EXPECT_TRUE(has_forked(::getpid()));
}

TEST_F(ForkWatchTest, TooManyAreNotTakenForNone) {
  for (int i = 0; i < 3'000; ++i) make_child();
  EXPECT_FALSE(watch_->take());
  // The kernel says that it has left some out when the next one comes, on each CPU.
  std::optional<std::set<pid_t>> parents;
  for (int i = 0; i < 100 && !parents; ++i) {
    make_child();
    parents = watch_->take();
  }
  ASSERT_TRUE(parents);
  EXPECT_TRUE(parents->contains(::getpid()));
}

}  // namespace
}  // namespace ferry::kernel
