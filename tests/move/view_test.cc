// SPDX-License-Identifier: Apache-2.0
//
// What a user reads: `ferry ps`, `logs`, `stop` on either side of a move, and what `ferry move` itself prints.
#include <fmt/format.h>

#include <regex>

#include "base/clock.h"
#include "support/move_test.h"

namespace ferry::testing {
namespace {

class ViewTest : public MoveTest {
 protected:
  Json workload(const std::string& host, const std::string& name) const {
    for (const auto& one : workloads(host)) {
      if (one.at("name") == name) return one;
    }
    return {};
  }
};

TEST_F(ViewTest, PsShowsWhatIsHereAndSaysWhereTheRestWent) {
  run_counter();
  const Result here = ferry("east", {"ps"});
  EXPECT_TRUE(std::regex_search(here.out, std::regex("web +running +[0-9]+ +10\\.77\\.0\\.9/24 +[0-2][0-9]:[0-5][0-9] +/usr/bin/python3")))
      << here.out;
  const Json before = workload("east", "web");
  EXPECT_EQ(before.at("state"), "running");
  EXPECT_EQ(before.at("ip"), "10.77.0.9/24");
  EXPECT_EQ(lab().check("east", fmt::format("cat /proc/{}/comm", before.at("pid").get<int>())), "python3");

  const std::string first_minute = base::local_hhmm(base::real_ns());
  ASSERT_FALSE(move("web", "east", "west").is_null());
  const std::string last_minute = base::local_hhmm(base::real_ns());
  EXPECT_EQ(ferry("east", {"ps"}).out.find("web"), std::string::npos);
  const std::string all = ferry("east", {"ps", "-a"}).out;
  EXPECT_TRUE(all.find("moved to west at " + first_minute) != std::string::npos ||
              all.find("moved to west at " + last_minute) != std::string::npos)
      << all;
  const Json gone = workload("east", "web"), there = workload("west", "web");
  EXPECT_EQ(gone.at("state"), "moved");
  EXPECT_EQ(gone.at("moved_to"), "west");
  EXPECT_EQ(gone.at("pid"), 0);
  EXPECT_EQ(there.at("state"), "running");
  EXPECT_EQ(there.at("came_from"), "east");
  EXPECT_EQ(there.at("command"), before.at("command"));
  EXPECT_EQ(there.at("ip"), before.at("ip"));
  EXPECT_EQ(lab().check("west", fmt::format("cat /proc/{}/comm", there.at("pid").get<int>())), "python3");
}

TEST_F(ViewTest, StopAndLogsWhereItWasPointToWhereItIs) {
  run_counter();
  ASSERT_FALSE(move("web", "east", "west").is_null());
  for (const Argv& words : {Argv{"stop", "web"}, {"logs", "web"}, {"logs", "-f", "web"}, {"move", "web", "root@west"}}) {
    const Result result = ferry("east", words);
    EXPECT_EQ(result.status, 3) << words[0];
    EXPECT_NE(result.err.find("moved to west at"), std::string::npos) << words[0] << ": " << result.err;
    EXPECT_NE(result.err.find("ssh west ferry"), std::string::npos) << words[0] << ": " << result.err;
  }
  EXPECT_EQ(connect().next(), 1);  // the stop was for nobody
}

TEST_F(ViewTest, StopEndsItAndItsTraces) {
  const std::string before = traces("east");
  run_counter();
  EXPECT_EQ(ferry("east", {"stop", "web"}).out, "web has ended\n");
  EXPECT_NE(ferry("east", {"ps", "-a"}).out.find("ended (143)"), std::string::npos) << ferry("east", {"ps", "-a"}).out;
  EXPECT_EQ(ferry("east", {"logs", "web"}).out, fmt::format("READY {}\n", kPort));
  const Result again = ferry("east", {"stop", "web"});
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.out, "web has ended already\n");
  const Result ended = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(ended.status, 3);
  EXPECT_NE(ended.err.find("it has ended"), std::string::npos) << ended.err;
  lab().check("east", "rm -r /var/lib/ferry/workloads/web");
  expect_traces("east", before);
}

TEST_F(ViewTest, OneThatIgnoresSigtermIsKilled) {
  run("east", "deaf", {}, {"sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"});
  ASSERT_TRUE(comes_true([&] { return ferry("east", {"logs", "deaf"}).out == "up\n"; }));
  const Result result = ferry("east", {"stop", "deaf", "--timeout", "100ms"});
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.out.find("was killed"), std::string::npos) << result.out;
  EXPECT_EQ(state_of("east", "deaf"), "ended");
}

TEST_F(ViewTest, TheExitStatusOfWhatEndsByItself) {
  run("east", "short", {}, {"sh", "-c", "echo done; exit 7"});
  ASSERT_TRUE(comes_true([&] { return workload("east", "short").value("exit_status", -1) == 7; }));
  EXPECT_EQ(state_of("east", "short"), "ended");
  EXPECT_EQ(ferry("east", {"logs", "short"}).out, "done\n");
  // Also after a move: its new init tells.
  run("east", "later", {}, {"sh", "-c", "while [ ! -e /tmp/end ]; do sleep 0.02; done; exit 9"});
  ASSERT_FALSE(move("later", "east", "west").is_null());
  EXPECT_EQ(state_of("west", "later"), "running");
  lab().check("west", "touch /tmp/end");
  EXPECT_TRUE(comes_true([&] { return workload("west", "later").value("exit_status", -1) == 9; }));
}

TEST_F(ViewTest, TheReportHasPlausibleNumbers) {
  run_counter();
  connect().next();
  const auto started = base::mono_now();
  const Json report = move("web", "east", "west");
  const double elapsed_ms = base::ms_between(started, base::mono_now());
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("result"), "moved");
  EXPECT_EQ(report.at("mode"), "pre");  // what auto is here
  EXPECT_EQ(report.at("via"), "tls");
  EXPECT_EQ(report.at("source"), "east");
  EXPECT_EQ(report.at("target"), "west");
  const double frozen_ms = report.at("frozen_ms"), total_ms = report.at("total_ms");
  EXPECT_GT(frozen_ms, 1);
  EXPECT_LT(frozen_ms, total_ms);
  EXPECT_LT(total_ms, elapsed_ms);
  const uint64_t memory = report.at("memory_bytes"), sent = report.at("bytes_sent");
  EXPECT_GT(memory, 1U << 20);  // a Python interpreter
  EXPECT_LT(memory, 64U << 20);
  EXPECT_GT(sent, memory / 2);
  double sum_ms = 0, of_the_pause_ms = 0;
  std::string names;
  for (const auto& phase : report.at("phases")) {
    const std::string name = phase.at("name");
    const double ms = phase.at("ms");
    EXPECT_GE(ms, 0) << name;
    EXPECT_NEAR(phase.at("start_ms").get<double>(), sum_ms, 1) << name;
    sum_ms += ms;
    names += name + " ";
    if (name == "freeze" || name == "dump" || name == "send" || name == "restore" || name == "commit") of_the_pause_ms += ms;
  }
  EXPECT_EQ(names, "prepare copy freeze dump send restore commit bury settle ");
  EXPECT_NEAR(sum_ms, total_ms, 2);
  EXPECT_NEAR(frozen_ms, of_the_pause_ms, 20);
  EXPECT_EQ((report.at("resumed_real_ns").get<int64_t>() - report.at("frozen_real_ns").get<int64_t>()) / 1'000'000,
            static_cast<int64_t>(frozen_ms));
}

TEST_F(ViewTest, WithoutATerminalItSaysOnePlainLineForEachPhase) {
  run_counter();
  const Result result = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(result.status, 0);
  std::string phases;
  for (const char* name : {"prepare", "copy", "freeze", "dump", "send", "restore", "commit", "bury", "settle"}) {
    phases += fmt::format("ferry: {}\n", name);
  }
  static const std::regex round(R"(ferry: round \d+: .* in .* ms, .*/s\n)");
  EXPECT_EQ(std::regex_replace(result.err, round, ""), phases);
  EXPECT_TRUE(std::regex_search(result.err, round)) << result.err;
  EXPECT_TRUE(result.out.starts_with("web runs on west now: frozen ")) << result.out;
  EXPECT_EQ(result.out.find_first_of("\r\033"), std::string::npos);
  const Result quiet = ferry("west", {"move", "-q", "web", "root@east"});
  EXPECT_EQ(quiet.status, 0);
  EXPECT_EQ(quiet.err, "");
}

// A closed terminal, or `| head -1`: nobody reads what it says, and it goes on to the end all the same.
TEST_F(ViewTest, AReaderThatWentAwayDoesNotStopAMove) {
  run_counter();
  Connection open = connect();
  EXPECT_EQ(open.next(), 1);
  lab().check("east", "ferry move web root@west 2>&1 | head -1 >/dev/null");
  EXPECT_EQ(open.next(), 2);
  EXPECT_EQ(state_of("west", "web"), "running");
  EXPECT_EQ(state_of("east", "web"), "moved");
  EXPECT_EQ(lab().shell("east", "pgrep -f '[w]eb_counter'").out, "");
  // Nor does it hinder one that fails from putting things back.
  lab().check("west", "FERRY_FAULTS=target.restored=fail ferry move web root@east 2>&1 | head -1 >/dev/null");
  EXPECT_EQ(open.next(), 3);
  EXPECT_EQ(state_of("west", "web"), "running");
}

TEST_F(ViewTest, ThroughTheSshPipeItSaysSo) {
  run_counter();
  Connection open = connect();
  EXPECT_EQ(open.next(), 1);
  const Json report = move("web", "east", "west", {"--tunnel"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("via"), "ssh");
  EXPECT_EQ(open.next(), 2);
  EXPECT_NE(ferry("west", {"move", "web", "root@east", "--tunnel"}).out.find("through the SSH pipe"), std::string::npos);
}

// A firewall that drops what comes to the port: after two seconds the move goes on through SSH.
TEST_F(ViewTest, APortThatCannotBeReached) {
  run_counter();
  Connection open = connect();
  EXPECT_EQ(open.next(), 1);
  if (lab().shell("west", "ip rule add pref 10 ipproto tcp sport 20000-20009 blackhole").status != 0) {
    GTEST_SKIP() << "this kernel's routing rules know no ports";
  }
  const Result result = ferry("east", {"move", "web", "root@west", "--port", "20000-20009"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("through the SSH pipe"), std::string::npos) << result.out;
  EXPECT_NE(result.err.find("no answer in time): using the SSH connection"), std::string::npos) << result.err;
  EXPECT_EQ(open.next(), 2);
}

// Where the target has no ferry, it gets this one.
TEST_F(ViewTest, ATargetWithoutFerryGetsACopy) {
  run_counter();
  Connection open = connect();
  EXPECT_EQ(open.next(), 1);
  lab().check("west", "rm /usr/local/bin/ferry; ! command -v ferry");
  const Result result = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(open.next(), 2);
}

}  // namespace
}  // namespace ferry::testing
