// SPDX-License-Identifier: Apache-2.0
//
// Containers of runc from one virtual host to another: by runc's own checkpoint and restore, whose CRIU ferry holds, so that they
// move as processes do, with their memory ahead of them. Wherever a move fails, they go on where they were (support/runc_cases.cc).
#include <fmt/format.h>

#include "support/runc_test.h"

namespace ferry::testing {
namespace {

TEST_F(RuncTest, GoesOnWithTheNextNumberThereAndBack) { goes_on_there_and_back(); }

TEST_F(RuncTest, MemoryIsAsItWas) { memory_is_as_it_was(); }

// `python3 -c SCRIPT CONFIG`: with a directory and a file of the host mounted into it.
constexpr const char* kBind = R"py(
import json, sys
config = json.load(open(sys.argv[1]))
for at, source in {"/data": "/srv/test-data", "/etc/words": "/srv/test-words"}.items():
    config["mounts"].append({"destination": at, "source": source, "type": "none", "options": ["rbind", "rw"]})
json.dump(config, open(sys.argv[1], "w"))
)py";

// Only those that are named, and only where nothing else is; what a failed move has made there goes.
TEST_F(RuncTest, WhatIsBoundIntoItGoesAlongWhenAsked) {
  lab_->check("east", "mkdir -p /srv/test-data/sub && echo one >/srv/test-data/sub/file && echo words >/srv/test-words");
  ASSERT_EQ(lab_->exec("east", {"python3", "-c", kBind, bundle() + "/config.json"}).status, 0);
  run_looper();
  expect_refused("runc:box", "west", "add --with-bind /srv/test-data,");
  const auto checked = [&](const Argv& options) {
    Argv words{"check", "runc:box", "root@west"};
    words.insert(words.end(), options.begin(), options.end());
    const auto said = ferry("east", words);
    return fmt::format("{}: {}{}", said.status, said.out, said.err);
  };
  const Argv both{"--with-bind", "/srv/test-data", "--with-bind", "/srv/test-words"};
  const auto can = checked(both);
  EXPECT_TRUE(can.starts_with("0: ")) << can;
  for (const char* words : {"/srv/test-data (4 B) would be sent", "/srv/test-words (6 B) would be sent"})
    EXPECT_NE(can.find(words), std::string::npos) << can;
  EXPECT_NE(checked({"--with-bind", "/srv"}).find("/srv is no bind mount of it: it has: /srv/test-data (at /data), "), std::string::npos);
  lab_->check("west", "mkdir -p /srv/test-data && echo theirs >/srv/test-data/file; echo words >/srv/test-words");
  EXPECT_NE(checked(both).find("/srv/test-data is there already, and differs"), std::string::npos) << checked(both);
  EXPECT_EQ(checked(both).find("/srv/test-words is there"), std::string::npos);  // that is the same
  EXPECT_EQ(lab_->check("west", "cat /srv/test-data/file; rm -r /srv/test-data"), "theirs");
  const auto failed = ferry("east", {"move", "runc:box", "root@west", both[0], both[1], both[2], both[3]}, "source.sent=fail");
  EXPECT_EQ(failed.status, 1) << failed.err;
  EXPECT_TRUE(comes_true([&] { return lab_->check("west", "echo /srv/test-*") == "/srv/test-words"; }));
  ASSERT_FALSE(move("east", "west", both).is_null());
  EXPECT_EQ(lab_->check("west", "runc exec box sh -c 'cat /data/sub/file /etc/words; echo more >>/data/sub/file'; cat /srv/test-data/sub/file"),
            "one\nwords\none\nmore");
  EXPECT_EQ(lab_->check("east", "cat /srv/test-data/sub/file"), "one");
}

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
