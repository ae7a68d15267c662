// SPDX-License-Identifier: Apache-2.0
//
// Between hosts that have cgroup v2 and nothing of v1, as most have by now.
#include <fmt/format.h>

#include "bench/docker_scripts.h"
#include "support/runc_test.h"

namespace ferry::testing {
namespace {

class RuncOnV2Test : public RuncTest {
 protected:
  static void SetUpTestSuite() {
    make_hosts("runc", bench::docker_layer(FERRY_BINARY_DIR), kOnlyCgroupV2);
  }
};

TEST_F(RuncOnV2Test, GoesOnWithTheNextNumberThereAndBack) { goes_on_there_and_back(); }
TEST_F(RuncOnV2Test, AFailedMoveLeadsBack) { a_failed_move_leads_back(); }

TEST_F(RuncOnV2Test, SoDoesAProcess) {
  const auto said = ferry("east", {"run", "--name", "looper", "--", "python3",
                                   FERRY_BINARY_DIR "/programs/looper.py", "20"});
  ASSERT_EQ(said.status, 0) << said.err;
  std::string from = "east", to = "west";
  for (int moves = 0; moves < 2; ++moves, std::swap(from, to)) {
    ASSERT_FALSE(FerryTest::move("looper", from, to).is_null());
    EXPECT_EQ(lab_->shell(from, "test -e /sys/fs/cgroup/ferry/looper").status, 1);
    const auto lines = [&] { return looper_lines(ferry(to, {"logs", "looper"}).out, 0); };
    const int before = lines();
    EXPECT_TRUE(comes_true([&] { return lines() > before + 3; })) << before;
  }
  ferry(from, {"stop", "looper"});
}

// Where v2 has the controllers, too.
template <class EngineTest>
class LimitsTest : public EngineTest {
 protected:
  static void SetUpTestSuite() {
    if (why_no_controllers().empty()) EngineTest::SetUpTestSuite();
  }
  void SetUp() override {
    if (const auto reason = why_no_controllers(); !reason.empty()) GTEST_SKIP() << reason;
    EngineTest::SetUp();
  }
};
using RuncLimitsTest = LimitsTest<RuncTest>;
using CrunLimitsTest = LimitsTest<CrunTest>;

TEST_F(RuncLimitsTest, GoAlongAndHold) { limits_go_along(); }
TEST_F(CrunLimitsTest, GoAlongAndHold) { limits_go_along(); }

}  // namespace
}  // namespace ferry::testing
