// SPDX-License-Identifier: Apache-2.0
//
// The stress tracee (tests/tracees/stress.cc: everything that a program can do to its memory, at random) moved there and back while
// it runs. A seed that failed can be tried again: FERRY_STRESS_SEED=… in the environment of the test.
#include <fmt/format.h>

#include <cstdlib>

#include "support/move_test.h"
#include "support/tracee.h"

namespace ferry::testing {
namespace {

constexpr const char* kName = "stress";

class StressTest : public MoveTest {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    if (IsSkipped()) return;
    for (const char* host : {"east", "west"}) lab().check(host, fmt::format("rm -rf {0}; mkdir -m 777 {0}", kTraceeDirectory));
    const char* const seed = std::getenv("FERRY_STRESS_SEED");
    Argv command{FERRY_BINARY_DIR "/tests/tracees/stress", kTraceeDirectory};
    if (seed != nullptr) command.insert(command.begin(), {"/usr/bin/env", fmt::format("FERRY_STRESS_SEED={}", seed)});
    run("east", kName, {}, command);
    ASSERT_TRUE(comes_true([&] { return log_on("east").ends_with("READY\n"); }, kTraceeReady_ms)) << log_on("east");
  }

  void expect_survives(int moves) {
    std::string here = "east", there = "west";
    for (int i = 1; i <= moves; ++i) {
      ASSERT_FALSE(move(kName, here, there, {"--mode", "pre"}).is_null()) << "move " << i << ": " << log_on(here);
      std::swap(here, there);
      ASSERT_EQ(state_of(here, kName), "running") << "after move " << i << ": " << log_on(here);
    }
    lab().check(here, fmt::format("touch {}/go", kTraceeDirectory));
    comes_true([&] { return state_of(here, kName) == "ended"; }, kTraceeAnswer_ms);
    const std::string said = log_on(here);
    EXPECT_TRUE(said.ends_with("READY\nPASS\n")) << said;
    EXPECT_EQ(said.find("FAIL"), said.npos) << said;
  }

  std::string log_on(const std::string& host) const { return ferry(host, {"logs", kName}).out; }
};

TEST_F(StressTest, ThreeMoves) { expect_survives(3); }
TEST_F(StressTest, TenMovesThereAndBack) { expect_survives(10); }

}  // namespace
}  // namespace ferry::testing
