// SPDX-License-Identifier: Apache-2.0
#include "migration/throttle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "base/error.h"

namespace ferry::migration {
namespace {

// A process that does nothing but use the CPU, in a cgroup of its own.
class ThrottleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes cgroups";
    try {
      freezer_ = kernel::Freezer::create_empty(fmt::format("test-throttle-{}", ::getpid()));
    } catch (const base::Error& none) {
      GTEST_SKIP() << none.what();
    }
    child_ = ::fork();
    if (child_ == 0) {
      for (;;) (void)::getppid();
    }
    freezer_->add(child_);
  }
  void TearDown() override {
    if (!freezer_) return;
    ::kill(child_, SIGKILL);
    freezer_->thaw();
    ::waitpid(child_, nullptr, 0);
    freezer_->remove();
  }
  double cpu_ms() const {
    std::istringstream in(base::read_file(fmt::format("/proc/{}/schedstat", child_)));
    double ns = 0;
    in >> ns;
    return ns / 1e6;
  }

  std::optional<kernel::Freezer> freezer_;
  pid_t child_ = 0;
};

TEST_F(ThrottleTest, TakesAsMuchOfItsTimeAsItIsTold) {
  Throttle throttle(*freezer_);
  throttle.set(80);
  const double used_before = cpu_ms();
  const auto began = base::mono_now();
  std::this_thread::sleep_for(base::milliseconds(1'500));
  const double used = cpu_ms() - used_before, passed = base::ms_between(began, base::mono_now());
  // Of wall time, whoever else wants the CPU.
  EXPECT_GT(throttle.stopped_ms(), passed * 0.6);
  EXPECT_LT(throttle.stopped_ms(), passed * 0.85);
  EXPECT_LT(used, passed - throttle.stopped_ms() + 10) << "it runs while it is said to be stopped";
  EXPECT_GT(used, 0) << "it still runs";
  throttle.set(0);
  (void)throttle.hold_off();  // waits for a stop that had begun
  const double stopped = throttle.stopped_ms();
  std::this_thread::sleep_for(base::milliseconds(200));
  EXPECT_EQ(throttle.stopped_ms(), stopped);
}

TEST_F(ThrottleTest, RunsWhileItIsHeldOff) {
  Throttle throttle(*freezer_);
  throttle.set(Throttle::kMostPercent);
  while (throttle.stopped_ms() == 0) std::this_thread::sleep_for(base::milliseconds(1));
  const auto running = throttle.hold_off();
  const double stopped = throttle.stopped_ms();
  for (int look = 0; look < 100; ++look) {
    ASSERT_FALSE(freezer_->is_frozen());
    std::this_thread::sleep_for(base::milliseconds(1));
  }
  EXPECT_EQ(throttle.stopped_ms(), stopped);
}

TEST_F(ThrottleTest, ItsEndLeavesItRunning) {
  for (int i = 0; i < 5; ++i) {
    {
      Throttle throttle(*freezer_);
      throttle.set(90);
      std::this_thread::sleep_for(base::milliseconds(30));
    }
    EXPECT_FALSE(freezer_->is_frozen());
  }
}

}  // namespace
}  // namespace ferry::migration
