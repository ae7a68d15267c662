// SPDX-License-Identifier: Apache-2.0
//
// Containers of runc from one virtual host to another: by runc's own checkpoint and restore, whose CRIU ferry holds, so that they
// move as processes do, with their memory ahead of them. Wherever a move fails, they go on where they were.
#include <fmt/format.h>

#include "support/runc_test.h"

namespace ferry::testing {
namespace {

TEST_F(RuncTest, GoesOnWithTheNextNumberThereAndBack) {
  run_looper();
  const auto there = move("east", "west");
  ASSERT_FALSE(there.is_null());
  EXPECT_EQ(there["engine"], "runc");
  EXPECT_EQ(there["mode"], "pre") << there.dump(1);
  EXPECT_EQ(state("box", "west"), "running");
  EXPECT_EQ(state("box", "east"), "");
  const int last = std::atoi(last_line("east").c_str());
  ASSERT_TRUE(goes_on("west")) << log("west");
  EXPECT_EQ(std::atoi(log("west").c_str()), last + 1);  // not one number skipped or said twice
  EXPECT_EQ(lab_->check("west", "runc exec box cat /proc/sys/kernel/hostname"), "box");

  lab_->check("east", "rm -f /var/log/box.log");
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_TRUE(goes_on("east")) << log("east");
  EXPECT_EQ(state("box", "west"), "");
}

// Its memory goes ahead of it, and what is written meanwhile is not lost, in every mode.
TEST_F(RuncTest, MemoryIsAsItWas) {
  run({"python3", "-c", kBusyMemory});
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 100; })) << log("east");
  std::string from = "east", to = "west";
  for (const char* mode : {"pre", "hybrid", "stop"}) {
    const auto report = move(from, to, {"--mode", mode});
    ASSERT_FALSE(report.is_null()) << mode;
    EXPECT_EQ(report["mode"], mode);
    lab_->check(from, "rm -rf /var/log/box.log /var/lib/ferry/containers");
    EXPECT_TRUE(goes_on(to)) << mode << log(to).substr(0, 2000);
    std::swap(from, to);
  }
}

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
  EXPECT_TRUE(comes_true([&] { return lab_->check("west", "ls -d /srv/test-*") == "/srv/test-words"; }));
  ASSERT_FALSE(move("east", "west", both).is_null());
  EXPECT_EQ(lab_->check("west", "runc exec box sh -c 'cat /data/sub/file /etc/words; echo more >>/data/sub/file'; cat /srv/test-data/sub/file"),
            "one\nwords\none\nmore");
  EXPECT_EQ(lab_->check("east", "cat /srv/test-data/sub/file"), "one");
}

TEST_F(RuncTest, WhatItHasWrittenGoesAlongAndTheSourceIsKeptWhenAsked) {
  run_looper();
  lab_->check("east", "runc exec box sh -c 'echo kept >/etc/kept'");
  const auto report = move("east", "west", {"--keep-source"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(lab_->check("west", "runc exec box cat /etc/kept"), "kept");
  EXPECT_EQ(state("box", "east"), "stopped");
  EXPECT_TRUE(goes_on("west"));
}

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

// Wherever it fails before it runs there, it goes on here, and nothing of it stays there.
TEST_F(RuncTest, AFailedMoveLeadsBack) {
  run_looper();
  for (const char* fault : {"source.before_freeze=fail", "source.frozen=fail", "source.dumped=fail", "source.sent=fail",
                            "target.restoring=fail", "target.restored=fail", "source.restored=fail"}) {
    const auto result = ferry("east", {"move", "runc:box", "root@west"}, fault);
    EXPECT_EQ(result.status, 1) << fault << result.out << result.err;
    EXPECT_TRUE(goes_on("east")) << fault << log("east");
    EXPECT_EQ(state("box", "east"), "running") << fault;
    EXPECT_EQ(state("box", "west"), "") << fault;
    EXPECT_TRUE(comes_true([&] { return lab_->shell("west", "ls " + bundle()).status != 0; })) << fault;
    EXPECT_EQ(lab_->check("west", "find /sys/fs/cgroup -name box"), "") << fault;
  }
}

// Its guard, or `ferry resolve`, does what the killed one cannot do any more.
TEST_F(RuncTest, AKilledFerryIsFinishedByItsGuard) {
  run_looper();
  for (const char* fault : {"source.frozen=kill", "source.dumped=kill", "source.restored=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "runc:box", "root@west"}, fault).status, 0) << fault;
    EXPECT_TRUE(comes_true([&] { return goes_on("east"); }, 30'000)) << fault << log("east");
    EXPECT_TRUE(comes_true([&] { return state("box", "west").empty(); }, 30'000)) << fault;
    EXPECT_TRUE(comes_true([&] { return lab_->shell("west", "ls " + bundle()).status != 0; }, 30'000)) << fault;
  }
  ASSERT_NE(ferry("east", {"move", "runc:box", "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return state("box", "west") == "running" && state("box", "east").empty(); }, 60'000))
      << ferry("east", {"resolve", "runc:box"}).out;
  EXPECT_TRUE(comes_true([&] { return goes_on("west"); }, 30'000)) << log("west");
}

}  // namespace
}  // namespace ferry::testing
