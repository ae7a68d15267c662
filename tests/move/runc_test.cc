// SPDX-License-Identifier: Apache-2.0
//
// Containers of runc from one virtual host to another: by runc's own checkpoint and restore, whose CRIU ferry holds, so that they
// move as processes do, with their memory ahead of them. Wherever a move fails, they go on where they were (support/runc_cases.cc).
#include <fmt/format.h>

#include "support/runc_test.h"

namespace ferry::testing {
namespace {

TEST_F(RuncTest, GoesOnWithTheNextNumberThereAndBack) { goes_on_there_and_back(); }

TEST_F(RuncTest, OneOfAnotherStateDirectoryGoesThereAndBack) { goes_on_in_another_state_directory(); }

TEST_F(RuncTest, OneThatMayWriteNowhereGoesOn) { one_that_may_write_nowhere_goes_on(); }

TEST_F(RuncTest, MemoryIsAsItWas) { memory_is_as_it_was(); }

TEST_F(RuncTest, ItsLoopbackGoesAlong) { its_loopback_goes_along(); }

TEST_F(RuncTest, WhatIsBoundIntoItGoesAlongWhenAsked) { what_is_bound_goes_along(); }

TEST_F(RuncTest, WhatItHasWrittenGoesAlongAndTheSourceIsKeptWhenAsked) { what_it_has_written_goes_along(); }

TEST_F(RuncTest, WhatCannotGoIsRefusedBeforehand) {
  run_looper();
  expect_refused("runc:nobody", "west", "no container of that name");
  expect_refused("runc:box", "north", "runc is not installed here");
  lab_->check("east", "runc pause box");
  expect_refused("runc:box", "west", "it is paused");
  lab_->check("east", "runc resume box");
  // As an engine without the right to make cgroups leaves it: with its cgroup ferry would freeze itself, and everybody.
  lab_->check("east", "cd /sys/fs/cgroup/freezer && for p in $(cat box/cgroup.procs); do echo $p >cgroup.procs; done");
  expect_refused("runc:box", "west", "is not its own");
  lab_->check("east", "cd /sys/fs/cgroup/freezer && echo $(runc state box | sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p') >box/cgroup.procs");
  lab_->check("west", fmt::format("mkdir -p {0} && echo '{{}}' >{0}/config.json", bundle()));
  expect_refused("runc:box", "west", "is there already");
  lab_->check("west", fmt::format("rm -r {}", bundle()));
  EXPECT_TRUE(goes_on("east"));
}

// For engines that run already: one link, which nobody else's CRIU has to give way to.
TEST_F(RuncTest, TheShimIsPlacedAndTakenAway) {
  const std::string place = "/usr/local/sbin/criu";
  EXPECT_EQ(ferry("north", {"engine", "setup"}).status, 0);
  EXPECT_EQ(lab_->check("north", "readlink -f " + place), lab_->check("north", "readlink -f $(command -v ferry)"));
  EXPECT_NE(ferry("north", {"engine", "setup"}).out.find("is there already"), std::string::npos);
  EXPECT_EQ(ferry("north", {"engine", "undo"}).status, 0);
  EXPECT_NE(lab_->shell("north", "test -e " + place).status, 0);
  lab_->check("north", fmt::format("echo '#!/bin/sh' >{}", place));
  for (const char* verb : {"setup", "undo"}) {
    const auto refused = ferry("north", {"engine", verb});
    EXPECT_EQ(refused.status, 3) << verb;
    EXPECT_NE(refused.err.find("not ferry's"), std::string::npos) << refused.err;
  }
  lab_->check("north", "rm " + place);
}

TEST_F(RuncTest, AFailedMoveLeadsBack) { a_failed_move_leads_back(); }

TEST_F(RuncTest, AKilledFerryIsFinishedByItsGuard) { a_killed_ferry_is_finished(); }

}  // namespace
}  // namespace ferry::testing
