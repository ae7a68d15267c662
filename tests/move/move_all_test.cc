// SPDX-License-Identifier: Apache-2.0
//
// `ferry move --all`: a host is drained. Two workloads of `ferry run` and a container of runc's,
// which in the order of their names is between them.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <sstream>

#include "support/runc_test.h"

namespace ferry::testing {
namespace {

class RuncMoveAllTest : public RuncTest {
 protected:
  void SetUp() override {
    RuncTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run_looper();
    for (const char* name : {"first", "second"}) {
      const auto started = ferry(
          "east", {"run", "--name", name, "--", "/usr/bin/python3", program("looper.py"), "20"});
      ASSERT_EQ(started.status, 0) << started.err;
      ASSERT_TRUE(comes_true([&] { return count(name, "east") >= 3; }));
    }
  }
  void TearDown() override {
    if (!lab_) return;
    for (const char* host : {"east", "west"}) {
      for (const char* name : {"first", "second"}) ferry(host, {"stop", name});
      lab_->shell(host, "rm -rf /var/lib/ferry/workloads");
    }
    RuncTest::TearDown();
  }

  Result move_all(const Argv& words, const std::string& faults = {}) const {
    Argv all{"move", "--all"};
    all.insert(all.end(), words.begin(), words.end());
    return ferry("east", all, faults);
  }
  // Of its lines; -1: it has not gone on with the next one each time.
  int count(const std::string& name, const std::string& host) const {
    return looper_lines(ferry(host, {"logs", name}).out, 0);
  }
  // Which of the three run there.
  std::string there(const std::string& host) const {
    std::string names;
    for (const auto& one : Json::parse(ferry(host, {"ps", "--json"}).out)) {
      if (one["state"] == "running") names += one["name"].get<std::string>() + " ";
    }
    return names + (state("box", host) == "running" ? "box" : "");
  }
  void expect_goes_on(const std::string& name, const std::string& host) const {
    const int before = count(name, host);
    EXPECT_GT(before, 0);
    EXPECT_TRUE(comes_true([&] { return count(name, host) > before + 3; })) << name;
  }
  static std::string names_of(const Json& list) {
    std::string names;
    for (const auto& one : list) names += one["name"].get<std::string>() + " ";
    return names;
  }
};

TEST_F(RuncMoveAllTest, AllOfThemInTheOrderOfTheirNames) {
  const auto asked = move_all({"--dry-run", "root@west"});
  EXPECT_EQ(asked.status, 0) << asked.err;
  std::vector<std::string> rows;
  std::istringstream text(asked.out);
  for (std::string row; std::getline(text, row);) rows.push_back(row);
  ASSERT_EQ(rows.size(), 4u) << asked.out;
  EXPECT_TRUE(rows[0].starts_with("NAME      COMMAND OR IMAGE")) << asked.out;
  EXPECT_TRUE(rows[1].starts_with("first     /usr/bin/python3 ")) << asked.out;
  EXPECT_TRUE(rows[2].starts_with("runc:box  python3 /programs/looper.py 20 ")) << asked.out;
  EXPECT_TRUE(rows[3].starts_with("second    /usr/bin/python3 ")) << asked.out;
  for (size_t i = 1; i < rows.size(); ++i) {
    EXPECT_TRUE(rows[i].ends_with(" MiB  can move")) << rows[i];
  }
  EXPECT_EQ(there("east"), "first second box");

  const auto moved = move_all({"root@west"});
  EXPECT_EQ(moved.status, 0) << moved.err;
  ASSERT_TRUE(moved.out.starts_with(asked.out.substr(0, asked.out.find("MEMORY")))) << moved.out;
  size_t at = 0;
  for (const char* words :
       {"\nfirst runs on west now: frozen ", "\nrunc:box runs on west now: frozen ",
        "\nsecond runs on west now: frozen ", "\n3 of 3 moved; 0 stay\n"}) {
    at = moved.out.find(words, at);
    ASSERT_NE(at, std::string::npos) << words << moved.out;
  }
  EXPECT_EQ(there("east"), "");
  EXPECT_EQ(there("west"), "first second box");
  for (const char* name : {"first", "second"}) expect_goes_on(name, "west");
  EXPECT_TRUE(goes_on("west")) << log("west");

  const auto again = move_all({"root@west"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.out, "no workload runs on east: nothing to move\n");
}

TEST_F(RuncMoveAllTest, OfOneEngineAsJson) {
  const auto asked = Json::parse(move_all({"runc:", "root@west", "--dry-run", "--json"}).out);
  EXPECT_EQ(asked["target"], "west");
  EXPECT_EQ(asked["can_move"], true);
  ASSERT_EQ(names_of(asked["checks"]), "runc:box ");
  EXPECT_GT(asked["checks"][0]["memory_bytes"], 1 << 20);

  const auto moved = move_all({"runc:", "root@west", "--json", "--mode", "stop"});
  EXPECT_EQ(moved.status, 0) << moved.err;
  const auto report = Json::parse(moved.out);
  EXPECT_EQ(report["target"], "west");
  EXPECT_EQ(report["result"], "moved");
  ASSERT_EQ(names_of(report["moves"]), "runc:box ");
  EXPECT_EQ(report["moves"][0]["mode"], "stop");  // the options are those of each
  EXPECT_GT(report["moves"][0]["frozen_ms"], 0);
  EXPECT_TRUE(report["stay"].empty());
  EXPECT_EQ(there("east"), "first second ");
  EXPECT_EQ(there("west"), "box");

  const auto none = Json::parse(move_all({"runc:", "root@west", "--json"}).out);
  EXPECT_EQ(none["result"], "moved");
  EXPECT_TRUE(none["moves"].empty() && none["stay"].empty()) << none.dump(1);
}

TEST_F(RuncMoveAllTest, OneThatCannotKeepsAllHereUnlessItMayBeLeft) {
  lab_->check("east", "runc pause box");
  const auto refused = move_all({"root@west"});
  EXPECT_EQ(refused.status, 3) << refused.out << refused.err;
  EXPECT_NE(refused.out.find("cannot: it is paused\n"), std::string::npos) << refused.out;
  EXPECT_NE(refused.err.find("nothing was moved: 1 of 3 cannot"), std::string::npos) << refused.err;
  EXPECT_EQ(move_all({"--dry-run", "root@west"}).status, 3);
  EXPECT_EQ(there("east"), "first second ");
  EXPECT_EQ(there("west"), "");

  const auto as_json = Json::parse(move_all({"--json", "root@west"}).out);
  EXPECT_EQ(as_json["result"], "refused");
  EXPECT_TRUE(as_json["moves"].empty());
  EXPECT_EQ(names_of(as_json["stay"]), "first runc:box second ");
  EXPECT_EQ(as_json["stay"][0]["reasons"][0]["what"], "it was not tried");
  EXPECT_EQ(as_json["stay"][1]["reasons"][0]["what"], "it is paused");
  EXPECT_EQ(there("east"), "first second ");

  const auto left = move_all({"--keep-going", "root@west"});
  EXPECT_EQ(left.status, 3) << left.err;
  EXPECT_NE(left.out.find("\n2 of 3 moved; 1 stays\n"), std::string::npos) << left.out;
  EXPECT_EQ(there("west"), "first second ");
  EXPECT_EQ(state("box", "east"), "paused");
  for (const char* name : {"first", "second"}) expect_goes_on(name, "west");
  lab_->check("east", "runc resume box");
  EXPECT_TRUE(goes_on("east"));
}

TEST_F(RuncMoveAllTest, TheFirstThatDoesNotMoveStopsItUnlessTheOthersAreToGo) {
  const auto stopped = move_all({"--json", "root@west"}, "source.frozen=fail@2");
  EXPECT_EQ(stopped.status, 1) << stopped.err;
  const auto report = Json::parse(stopped.out);
  EXPECT_EQ(report["result"], "failed");
  ASSERT_EQ(names_of(report["moves"]), "first runc:box ");
  EXPECT_EQ(report["moves"][0]["result"], "moved");
  EXPECT_EQ(report["moves"][1]["result"], "failed");
  ASSERT_EQ(names_of(report["stay"]), "second ");
  EXPECT_EQ(report["stay"][0]["reasons"][0]["why"], "runc:box did not move");
  EXPECT_EQ(there("west"), "first ");
  EXPECT_EQ(there("east"), "second box");
  EXPECT_TRUE(goes_on("east"));

  const auto gone_on = move_all({"--keep-going", "root@west"}, "source.frozen=fail@1");
  EXPECT_EQ(gone_on.status, 1) << gone_on.out;
  EXPECT_NE(gone_on.err.find("runc:box goes on here, unharmed"), std::string::npos) << gone_on.err;
  EXPECT_NE(gone_on.out.find("\n1 of 2 moved; 1 stays\n"), std::string::npos) << gone_on.out;
  EXPECT_EQ(there("west"), "first second ");
  EXPECT_EQ(there("east"), "box");
  EXPECT_TRUE(goes_on("east"));
}

TEST_F(RuncMoveAllTest, CtrlCCancelsTheOneThatMovesAndTriesNoOther) {
  Background all = lab_->start("east", {"env", "FERRY_FAULTS=source.before_freeze=stall:1500", "sh",
                                        "-c", "exec ferry move --all --keep-going root@west 2>&1"});
  std::string said;
  while (const auto line = all.read_line()) {
    said += *line + "\n";
    if (*line == "ferry: copy") all.signal(SIGINT);
  }
  EXPECT_EQ(all.wait(), 4) << said;
  EXPECT_NE(said.find("first goes on here, unharmed"), std::string::npos) << said;
  EXPECT_EQ(said.find("ferry: move runc:box"), std::string::npos) << said;
  EXPECT_NE(said.find("\n0 of 3 moved; 3 stay\n"), std::string::npos) << said;
  EXPECT_EQ(there("east"), "first second box");
  EXPECT_EQ(there("west"), "");
  expect_goes_on("first", "east");
}

// A move gives way when its workload runs on the target; the next one's freeze must not wait for
// others.
TEST_F(RuncMoveAllTest, ALaterMoveIsAsUrgentAsTheFirst) {
  Background all = lab_->start("east", {"sh", "-c", "exec ferry move --all root@west 2>&1"});
  std::string nice, said;
  while (const auto line = all.read_line()) {
    said += *line + "\n";
    if (*line == "ferry: move second")
      nice = lab_->check("east", "ps -o ni= -p $(pgrep -of '^ferry move --all')");
  }
  EXPECT_EQ(all.wait(), 0) << said;
  EXPECT_EQ(std::atoi(nice.c_str()), 0) << nice;
  EXPECT_FALSE(nice.empty()) << said;
}

TEST_F(RuncMoveAllTest, WhatMakesNoSenseAndWhatIsNotThere) {
  const auto says = [&](const Argv& words, int status, const std::string& says_so) {
    const auto result = ferry("east", words);
    EXPECT_EQ(result.status, status) << fmt::format("{}", fmt::join(words, " "));
    EXPECT_NE(result.err.find(says_so), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  };
  says({"move", "--all"}, 2, "destination is required");
  says({"move", "--all", "box", "root@west"}, 2, "that is no engine");
  says({"move", "--all", "runc:box", "root@west"}, 2, "that is no engine");
  says({"move", "--all", "crun:", "root@west"}, 3, "crun is not installed here");
  says({"move", "--all", "lxc:", "root@west"}, 2, "that is no engine");
  says({"move", "--all", "root@west", "--name", "x"}, 2, "--name cannot be with --all");
  says({"move", "--all", "root@west", "--address", "10.77.0.50"}, 2, "--address cannot be");
  says({"move", "first", "root@west", "--keep-going"}, 2, "--keep-going is for --all");
  says({"move", "--all", "podman:", "root@west"}, 3, "podman is not installed here");
  says({"move", "--all", "root@nowhere"}, 1, "cannot reach root@nowhere");
  const auto unasked = move_all({"--json", "root@nowhere"});
  EXPECT_EQ(unasked.status, 1);
  EXPECT_EQ(Json::parse(unasked.out)["result"], "failed");
  EXPECT_EQ(Json::parse(unasked.out)["error"]["what"], "cannot reach root@nowhere by ssh");
  EXPECT_EQ(there("east"), "first second box");
}

}  // namespace
}  // namespace ferry::testing
