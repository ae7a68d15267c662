// SPDX-License-Identifier: Apache-2.0
//
// Containers of crun from one virtual host to another: as those of runc, by crun's own checkpoint
// and restore. What is true of both is in support/runc_cases.cc; what differs is here.
#include <fmt/format.h>

#include "support/runc_test.h"

namespace ferry::testing {
namespace {

// `crun list` of either host is as it should be at every step, and the way back is taken by all
// that crun has.
TEST_F(CrunTest, GoesOnThereAndBackByMoveAll) {
  goes_on_there_and_back();
  lab_->check("east", "rm -f /var/log/box.log");
  const auto all = ferry("east", {"move", "--all", "crun:", "root@west"});
  EXPECT_EQ(all.status, 0) << all.out << all.err;
  EXPECT_NE(all.out.find("1 of 1 moved"), std::string::npos) << all.out;
  EXPECT_EQ(state("box", "west"), "running");
  EXPECT_EQ(remains("east").find("/run/crun"), std::string::npos);
  // In its own cgroup, in every hierarchy, and nothing of crun's helper in there.
  EXPECT_EQ(
      lab_->check("west",
                  "grep -c ':/box$' /proc/$(crun state box | sed -n 's/.*\"pid\": "
                  "\\([0-9]*\\).*/\\1/p')/cgroup; find /sys/fs/cgroup -name .proxy-crun"),
      lab_->check("west", "ls -d /sys/fs/cgroup/*/box | xargs -n 1 readlink -f | sort -u | wc -l"));
}

TEST_F(CrunTest, OneOfAnotherStateDirectoryGoesThereAndBack) { goes_on_in_another_state_directory(); }
TEST_F(CrunTest, OneThatMayWriteNowhereGoesOn) { one_that_may_write_nowhere_goes_on(); }
TEST_F(CrunTest, MemoryIsAsItWas) { memory_is_as_it_was(); }

TEST_F(CrunTest, ItsLoopbackGoesAlong) { its_loopback_goes_along(); }
TEST_F(CrunTest, ItsConnectionsGoAlongThereAndBack) { connections_go_along(); }
TEST_F(CrunTest, AServiceAddressOfTheHostGoesAlong) { a_service_address_goes_along(); }
TEST_F(CrunTest, WhatItHasWrittenGoesAlongAndTheSourceIsKeptWhenAsked) {
  what_it_has_written_goes_along();
}
TEST_F(CrunTest, WhatIsBoundIntoItGoesAlongWhenAsked) { what_is_bound_goes_along(); }
TEST_F(CrunTest, AFailedMoveLeadsBack) { a_failed_move_leads_back(); }
TEST_F(CrunTest, AKilledFerryIsFinishedByItsGuard) { a_killed_ferry_is_finished(); }

TEST_F(CrunTest, WithAddressAKilledFerryIsFinishedByItsGuard) {
  run_web_counter();
  expect_guard_finishes(network_has_left);
}

TEST_F(CrunTest, ANamelessNetworkGoesAlong) { a_nameless_network_goes_along(); }

class CrunOnV2Test : public CrunTest {
 protected:
  static void SetUpTestSuite() {
    CrunTest::SetUpTestSuite();
    if (!lab_) return;
    for (const char* host : {"east", "west"}) lab_->check(host, kOnlyCgroupV2);
  }
};

TEST_F(CrunOnV2Test, GoesOnWithTheNextNumberThereAndBack) { goes_on_there_and_back(); }
TEST_F(CrunOnV2Test, AFailedMoveLeadsBack) { a_failed_move_leads_back(); }

// crun that is killed while CRIU builds the tasks leaves a mount in the bundle, its memory of the
// container, and a process of its own in the cgroup.
TEST_F(CrunTest, WhatAKilledCrunHasLeftIsRemoved) {
  run_looper();
  Background moving =
      start_ferry("east", {"move", "crun:box", "root@west"}, "target.restored=pause");
  ASSERT_TRUE(comes_true([&] {
    return lab_->shell("west",
                       "pgrep -f '^crun .*restore' && grep -q '^State:.T' "
                       "/proc/$(pgrep -of '[f]erry receive')/status")
               .status == 0;
  }));
  EXPECT_NE(remains("west"), "");
  EXPECT_EQ(lab_->shell("west", "mount | grep criu-root").status, 0);
  lab_->check("west", "pkill -KILL -f '^crun .*restore'; pkill -CONT -f '[f]erry receive'");
  EXPECT_EQ(moving.wait(), 1);
  EXPECT_TRUE(goes_on("east")) << log("east");
  EXPECT_TRUE(comes_true([&] { return remains("west").empty(); })) << remains("west");
  EXPECT_NE(lab_->shell("west", "mount | grep criu-root").status, 0);
}

// Where root's sessions have their own runtime directory (pam_systemd), crun keeps its containers
// there; what arrives must outlast the session that brings it.
TEST_F(CrunTest, OneThatASessionHasStartedArrivesToStay) {
  lab_->check("east", "mkdir -p /run/user/0/crun");
  run_looper();
  lab_->check("east", "crun --root /run/user/0/crun list -q");
  lab_->check("east", "mv /run/crun/box /run/user/0/crun/");
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_EQ(state("box", "west"), "running");
  EXPECT_EQ(lab_->check("east", "ls /run/user/0/crun; rm -r /run/user/0"), "");
  EXPECT_TRUE(goes_on("west"));
}

TEST_F(CrunTest, WhatCannotGoIsRefusedBeforehand) {
  run_looper();
  expect_refused("crun:nobody", "west", "no container of that name");
  expect_refused("crun:box", "north", "crun is not installed here");
  const std::string library = "/usr/lib/x86_64-linux-gnu/libcriu.so.2";
  lab_->check("west", fmt::format("mv {0} {0}.away", library));
  expect_refused("crun:box", "west", "does not find libcriu.so.2");
  lab_->check("west", fmt::format("mv {0}.away {0}", library));
  lab_->check("west",
              "mkdir /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified");
  if (lab_->check("west", "cat /sys/fs/cgroup/unified/cgroup.controllers") != "")
    expect_refused("crun:box", "west", "which are hybrid");
  lab_->check("west", "umount /sys/fs/cgroup/unified && rmdir /sys/fs/cgroup/unified");
  lab_->check("east", "crun pause box");
  expect_refused("crun:box", "west", "it is paused");
  lab_->check("east", "crun resume box");
  EXPECT_TRUE(goes_on("east"));
}

}  // namespace
}  // namespace ferry::testing
