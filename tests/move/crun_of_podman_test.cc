// SPDX-License-Identifier: Apache-2.0
//
// Containers that podman runs by crun: what is true of those that it runs by runc
// (support/podman_cases.cc), and nothing of crun's stays anywhere.
#include "support/podman_test.h"

namespace ferry::testing {
namespace {

// Not among podman's own by its name: its hosts are others.
class CrunByEngineTest : public PodmanTest {
 protected:
  static void SetUpTestSuite() {
    const auto podman = base::Path(FERRY_BINARY_DIR) / "podman";
    if (std::filesystem::exists(podman / "usr/bin/podman") &&
        std::filesystem::exists(crun_layer() / "usr/bin/crun"))
      make_hosts({crun_layer(), podman}, kOneVersionOfCgroups);
  }
  std::string runtime() const override { return "crun"; }
};

TEST_F(CrunByEngineTest, GoesOnWithTheNextNumberThereAndBack) { goes_on_there_and_back(); }
TEST_F(CrunByEngineTest, ItsConnectionsAndFilesGoAlong) { connections_and_files_go_along(); }
TEST_F(CrunByEngineTest, ItsLoopbackGoesAlong) { its_loopback_goes_along(); }
TEST_F(CrunByEngineTest, OneThatIsRemovedAtItsEndGoesOnUntilThen) {
  one_removed_at_its_end_goes_on();
}
TEST_F(CrunByEngineTest, AFailedMoveLeadsBack) { a_failed_move_leads_back(); }
TEST_F(CrunByEngineTest, AKilledFerryIsFinishedByItsGuard) { a_killed_ferry_is_finished(); }

TEST_F(CrunByEngineTest, ATargetThatCannotRestoreByItIsFoundBeforehand) {
  run_looper();
  const std::string library = "/usr/lib/x86_64-linux-gnu/libcriu.so.2";
  lab_->check("west", "mv " + library + " /root/");
  expect_refused("podman:box", "west", "does not find libcriu.so.2");
  lab_->check("west", "mv /usr/bin/crun /root/");
  expect_refused("podman:box", "west", "crun is not installed here");
  lab_->check("west", "mv /root/crun /usr/bin/ && mv /root/libcriu.so.2 " + library);
  EXPECT_EQ(lab_->check("east", "crun list -q | wc -l"), "1");
  EXPECT_EQ(ferry("east", {"move", "--all", "crun:", "root@west"}).out.find("no container of crun"),
            0u);  // it is podman's
  EXPECT_TRUE(goes_on("east"));
}

}  // namespace
}  // namespace ferry::testing
