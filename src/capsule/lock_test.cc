// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "capsule/record.h"

namespace ferry::capsule {
namespace {

class LockTest : public ::testing::Test {
 protected:
  ~LockTest() override { std::filesystem::remove(file_); }

  const std::string name_ = fmt::format("lock-test-{}", ::getpid());
  const base::Path file_ = base::Path("/run/ferry/locks") / name_;
};

TEST_F(LockTest, OneThatIsAtWorkIsNamed) {
  const auto held = Lock::take(name_, "move");
  EXPECT_THROW(Lock::take(name_, "move"), base::Error);
  EXPECT_EQ(Lock::find_holder(name_)->process.pid, ::getpid());
}

// Its process is no more, or has not said yet who it is, but the kernel has not closed its lock.
TEST_F(LockTest, OneThatHasItAndIsNobodyIsWaitedFor) {
  for (const char* note : {R"({"purpose": "receive", "pid": 1, "start_ticks": 1})", ""}) {
    auto held = Lock::try_take(name_, "receive");
    ASSERT_TRUE(held);
    base::write_file(file_, note);
    std::thread ends([&] {
      std::this_thread::sleep_for(base::milliseconds(50));
      held.reset();
    });
    EXPECT_NO_THROW(Lock::take(name_, "move")) << note;
    ends.join();
  }
}

}  // namespace
}  // namespace ferry::capsule
