// SPDX-License-Identifier: Apache-2.0
//
// Moves that cannot be, for a reason in what was asked: each says so before anything is touched.
#include <fmt/format.h>

#include "kernel/procfs.h"
#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

class RefusalTest : public UnharmedTest {};

TEST_F(RefusalTest, NoSuchPidOrName) {
  expect_no_move({"999999", "root@west"}, 3, "there is no such process on this host");
  expect_no_move({"pid:999999", "root@west"}, 3, "there is no such process on this host");
  expect_no_move({"wbe", "root@west"}, 3, "there is no workload called wbe on this host");
  expect_no_move({"../web", "root@west"}, 3, "");
  expect_no_move({"docker:web", "root@west"}, 3, "docker is not installed here");
  expect_no_move({"99999999999999999999", "root@west"}, 3, "");
}

TEST_F(RefusalTest, PidsThatNobodyCanMove) {
  expect_no_move({"1", "root@west"}, 3, "the init of a pid namespace");
  expect_no_move({"0", "root@west"}, 3, "no such process");
  const Result own = lab().shell("east", "ferry move $$ root@west; exit $?");
  EXPECT_EQ(own.status, 3);
  EXPECT_NE(own.err.find("this ferry itself runs in it"), std::string::npos) << own.err;
  expect_unharmed();
}

// A virtual host sees none of the kernel's threads: asked on the machine, which notices nothing (its /run is covered).
TEST_F(RefusalTest, AThreadOfTheKernel) {
  if (kernel::comm_of(2) != "kthreadd") GTEST_SKIP() << "this machine shows no kernel threads";
  for (const char* pid : {"2", "pid:2"}) {
    const Result result = base::run({"unshare", "--mount", "sh", "-c",
                                     fmt::format("mount -t tmpfs none /run && exec {} move {} root@west", ferry_program().string(), pid)});
    EXPECT_EQ(result.status, 3);
    EXPECT_NE(result.err.find("it is a thread of the kernel"), std::string::npos) << result.err;
  }
}

// For programs: the same as for people, in the report and in the exit code.
TEST_F(RefusalTest, TheReportSaysWhyNot) {
  struct Case {
    const char *what, *destination, *faults, *result;
    int status;
  };
  for (const Case& one : {Case{"wbe", "root@west", "", "refused", 3}, Case{"web", "root@east", "", "refused", 3},
                          Case{"web", "root@nowhere.invalid", "", "failed", 1},
                          Case{"web", "root@west", "target.restored=fail", "failed", 1}}) {
    const Result result = ferry("east", {"move", one.what, one.destination, "--json", "-q"}, one.faults);
    EXPECT_EQ(result.status, one.status);
    EXPECT_EQ(result.err, "");
    const Json report = Json::parse(result.out);
    EXPECT_EQ(report.at("result"), one.result);
    EXPECT_NE(report.at("error").at("what"), "");
  }
  expect_unharmed();
}

// By any of its pids it is the workload itself.
TEST_F(RefusalTest, AWorkloadsPidMeansTheWorkload) {
  const std::string pid = lab().check("east", "pgrep -f '[w]eb_counter'");
  const Json report = move(pid, "east", "west");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("name"), "web");
  EXPECT_EQ(open().next(), 2);
}

TEST_F(RefusalTest, ToItself) {
  expect_no_move({"web", "root@east"}, 3, "source and target are the same host");
  expect_no_move({"web", "localhost", "--ssh-option", "StrictHostKeyChecking=accept-new"}, 3, "the same host");
}

TEST_F(RefusalTest, DestinationsThatMakeNoSense) {
  expect_no_move({"web", ""}, 2, "");
  expect_no_move({"web", "root@"}, 2, "");
  expect_no_move({"web", "-oProxyCommand=touch /tmp/harm"}, 2, "");
  expect_no_move({"web", "--", "-oProxyCommand=touch /tmp/harm"}, 2, "");
  EXPECT_EQ(lab().shell("east", "test -e /tmp/harm").status, 1);
}

TEST_F(RefusalTest, ANameThatIsTakenThere) {
  run("west", "web", {}, {"sleep", "1000"});
  const Result result = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.err.find("a workload of that name runs here already"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("on west"), std::string::npos) << result.err;
  EXPECT_EQ(open().next(), 2);
  EXPECT_EQ(state_of("east", "web"), "running");
  EXPECT_EQ(state_of("west", "web"), "running");
  EXPECT_EQ(lab().check("west", "pgrep -xc sleep"), "1");
  // One that has ended there does not stand in the way.
  ASSERT_EQ(ferry("west", {"stop", "web"}).status, 0);
  ASSERT_FALSE(move("web", "east", "west").is_null());
  EXPECT_EQ(open().next(), 3);
}

// Two at once from different hosts to a third: one gets there, the other is refused and goes on.
TEST_F(RefusalTest, TwoOfOneNameToTheSameHostAtOnce) {
  run("client", "web", {}, {"sleep", "1000"});
  Background first = lab().start("client", {"env", "FERRY_FAULTS=source.before_freeze=stall:1500", "sh", "-c",
                                            "exec ferry move web root@west 2>&1"});
  while (const auto line = first.read_line()) {
    if (*line == "ferry: copy") break;
  }
  const Result second = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(second.status, 3);
  EXPECT_NE(second.err.find("is at work on it: receive"), std::string::npos) << second.err;
  EXPECT_EQ(open().next(), 2);
  EXPECT_EQ(state_of("east", "web"), "running");
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(state_of("client", "web"), "moved");
  EXPECT_EQ(lab().check("west", "pgrep -xc sleep"), "1");
  EXPECT_EQ(open().next(), 3);
}

}  // namespace
}  // namespace ferry::testing
