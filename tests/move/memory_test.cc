// SPDX-License-Identifier: Apache-2.0
//
// The memory plane between two hosts: rounds while a writer writes, promises about the pause, and what is left when those who fill
// are killed. The writer (workloads/memory_writer) knows what every page of it must hold.
#include <fmt/format.h>

#include "base/error.h"
#include "memory/tracker.h"
#include "support/memory_test.h"

namespace ferry::testing {
namespace {

TEST_F(MemoryTest, RoundsGoOnWhileItIsWrittenAndTheReportTellsThem) {
  run_writer("96MiB", "8MiB", "20MB/s");
  Connection open = connect();
  const Json report = move("writer", "east", "west", {"--mode", "pre"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("mode"), "pre");
  EXPECT_EQ(report.at("tracking"), memory::to_string(memory::probe().backend));
  ASSERT_GE(report.at("rounds").size(), 1u);
  const auto& first = report.at("rounds").at(0);
  EXPECT_GE(first.at("dirty_bytes"), 96 << 20);
  EXPECT_GT(first.at("sent_bytes"), 0);
  EXPECT_GT(report.at("expected_pause_ms"), 0);
  EXPECT_NE(report.at("freeze_reason"), "");
  EXPECT_GT(report.at("settle_ms"), 0);
  const auto& cost = report.at("cost");
  for (const char* side : {"source", "target"}) {
    EXPECT_GT(cost.at(side).at("cpu_ms"), 0);
    EXPECT_GT(cost.at(side).at("peak_rss_bytes"), 1 << 20);
  }
  expect_whole(open);
}

// What two processes have in common, with a number in each page that both of them look at.
constexpr const char* kSharedCounter = R"py(
import mmap, os, socket, sys
pages = 64 << 8
memory = mmap.mmap(-1, pages * 4096)
for page in range(pages): memory[page * 4096:page * 4096 + 8] = os.urandom(4) + page.to_bytes(4, "little")
copy = bytes(memory)
if os.fork() == 0:
    while True: memory[8:16] = (int.from_bytes(memory[8:16], "little") + 1).to_bytes(8, "little")
server = socket.create_server(("", int(sys.argv[1])))
while True:
    client = server.accept()[0]
    same = all(memory[page * 4096:page * 4096 + 8] == copy[page * 4096:page * 4096 + 8] for page in range(pages))
    client.sendall(b"%d %d\n" % (same, int.from_bytes(memory[8:16], "little")))
    client.close()
)py";

// It has gone ahead, but for what was written since; CRIU finds it empty.
TEST_F(MemoryTest, SharedMemoryGoesAheadToo) {
  run("east", "shared", {"--ip", fmt::format("{}/24", kAddress)}, {"python3", "-c", kSharedCounter, std::to_string(kPort)});
  const auto ask = [&] {
    std::istringstream said(connect().read_until("\n"));
    std::pair<int, int64_t> found{-1, -1};
    said >> found.first >> found.second;
    return found;
  };
  ASSERT_TRUE(comes_true([&] {
    try {
      return ask().first == 1;
    } catch (const std::exception&) {
      return false;
    }
  }));
  auto counted = ask().second;
  for (const auto& [from, to] : {std::pair{"east", "west"}, {"west", "east"}}) {
    const Json report = move("shared", from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_GE(report.at("shared_bytes"), 64 << 20);
    EXPECT_LT(report.at("shared_last_bytes"), 16 << 20);
    EXPECT_LT(report.at("image_bytes"), 4 << 20);
    const auto now = ask();
    EXPECT_EQ(now.first, 1);
    EXPECT_GT(now.second, counted) << "the other process goes on with the same memory";
    counted = now.second;
  }
}

// Of each task some pages are CRIU's to carry: those that a program has relocated, for the most part the same in all of them.
TEST_F(MemoryTest, WhatCriuCarriesHasGoneAheadToo) {
  run("east", "family", {}, {"python3", "-c", "import os, time\nfor i in range(12): os.fork() == 0 and time.sleep(1000)\nprint('READY', flush=True)\ntime.sleep(1000)"});
  ASSERT_TRUE(comes_true([&] { return ferry("east", {"logs", "family"}).out.find("READY") != std::string::npos; }));
  const Json report = move("family", "east", "west");
  ASSERT_FALSE(report.is_null());
  EXPECT_LT(report.at("image_bytes"), 1 << 20);
  EXPECT_EQ(state_of("west", "family"), "running");
}

TEST_F(MemoryTest, InStopModeAllOfItGoesWithinThePause) {
  run_writer("32MiB", "8MiB", "5MB/s");
  Connection open = connect();
  const Json report = move("writer", "east", "west", {"--mode", "stop"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("mode"), "stop");
  EXPECT_TRUE(report.at("rounds").empty());
  expect_whole(open);
}

TEST_F(MemoryTest, ThroughTheSshPipeToo) {
  run_writer("32MiB", "4MiB", "5MB/s");
  Connection open = connect();
  const Json report = move("writer", "east", "west", {"--tunnel"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("via"), "ssh");
  EXPECT_GE(report.at("rounds").size(), 1u);
  expect_whole(open);
}

// It writes faster than the memory may travel: the pause would be long, and the user has said how long it may be.
TEST_F(MemoryTest, APromiseThatWouldBeBrokenCancelsBeforeTheFreeze) {
  run_writer("16MiB", "16MiB", "60MB/s");
  Connection open = connect();
  const Result moved = ferry("east", {"move", "writer", "root@west", "--bandwidth", "10MB/s", "--pause-max", "300ms"});
  EXPECT_NE(moved.status, 0);
  EXPECT_NE(moved.err.find("did not freeze writer"), std::string::npos) << moved.err;
  EXPECT_EQ(state_of("east", "writer"), "running");
  expect_whole(open);
}

// 1.2 s of writing are left whatever is done, but for writing less.
TEST_F(MemoryTest, AWriterThatOutrunsTheCopyIsSlowedUntilItFits) {
  run_writer("24MiB", "24MiB", "60MB/s");
  Connection open = connect();
  const Argv options{"--mode", "pre", "--bandwidth", "20MB/s", "--pause-limit", "400ms"};
  const Json without = move("writer", "east", "west", options);
  ASSERT_FALSE(without.is_null());
  EXPECT_GT(without.at("expected_pause_ms"), 700) << "it must not fit by itself";
  EXPECT_FALSE(without.contains("throttle"));
  Argv slowed = options;
  slowed.insert(slowed.end(), {"--throttle", "95%"});
  const Json with = move("writer", "west", "east", slowed);
  ASSERT_FALSE(with.is_null());
  EXPECT_LT(with.at("expected_pause_ms"), 500) << with.at("freeze_reason");
  const Json& throttle = with.at("throttle");
  EXPECT_GE(throttle.at("percent"), 20);
  EXPECT_LE(throttle.at("percent"), 95);
  EXPECT_GT(throttle.at("stopped_ms"), 0);
  EXPECT_GT(throttle.at("ms"), throttle.at("stopped_ms"));
  EXPECT_EQ(with.at("rounds").front().at("throttle_percent"), 0);
  EXPECT_EQ(with.at("rounds").back().at("throttle_percent"), throttle.at("percent"));
  EXPECT_NE(with.at("freeze_reason").get<std::string>().find("slowed"), std::string::npos);
  expect_whole(open);
}

TEST_F(MemoryTest, AKilledFerryLeavesNobodySlowedOrStopped) {
  run_writer("24MiB", "24MiB", "60MB/s");
  Connection open = connect();
  Background moving = start_ferry("east", {"move", "writer", "root@west", "-q", "--bandwidth", "20MB/s", "--throttle", "95%"},
                                  "source.round=stall:20000@7");
  // Killed in the moment of a stop.
  lab().check("east", "f=$(find /sys/fs/cgroup -path '*/ferry/writer/*' -name freezer.state -o -path '*/ferry/writer/*' -name cgroup.freeze);"
                      "until p=$(pgrep -f '[f]erry move writer'); do sleep 0.1; done; p=$(echo $p | cut -d' ' -f1);"
                      "for i in $(seq 60); do grep -q -x 'FROZEN\\|1' $f && break; sleep 0.2; done;"
                      "until grep -q -x 'FROZEN\\|1' $f; do :; done; kill -9 $p");
  EXPECT_NE(moving.wait(), 0);
  const auto is_frozen = [&] {
    return lab().shell("east", "cat $(find /sys/fs/cgroup -path '*/ferry/writer/*' -name freezer.state -o -path '*/ferry/writer/*' -name cgroup.freeze)").out;
  };
  ASSERT_TRUE(comes_true([&] { return is_frozen() == "THAWED\n" || is_frozen() == "0\n"; })) << is_frozen();
  for (int look = 0; look < 20; ++look) EXPECT_TRUE(is_frozen() == "THAWED\n" || is_frozen() == "0\n") << "something goes on stopping it";
  expect_whole(open);
  EXPECT_TRUE(comes_true([&] { return state_of("east", "writer") == "running"; }));
  ASSERT_FALSE(move("writer", "east", "west").is_null());
  expect_whole(open);
}

TEST_F(MemoryTest, AThrottleThatCannotBeIsSaid) {
  const auto refused = [&](const Argv& words) {
    Argv all{"move", "writer", "root@west"};
    all.insert(all.end(), words.begin(), words.end());
    const Result result = ferry("east", all);
    EXPECT_EQ(result.status, static_cast<int>(base::Exit::kUsage)) << result.err;
    return result.err;
  };
  EXPECT_NE(refused({"--throttle", "99%"}).find("95%"), std::string::npos);
  EXPECT_NE(refused({"--throttle", "80"}).find("percentage"), std::string::npos);
  EXPECT_NE(refused({"--throttle", "80%", "--mode", "post"}).find("mode post"), std::string::npos);
}

TEST_F(MemoryTest, ASecondMoveWaitsUntilTheFirstHasSettled) {
  run_writer("256MiB", "8MiB", "5MB/s");
  Connection open = connect();
  // Killed once it runs over there: nobody waits for the memory to settle.
  const Result moved = ferry("east", {"move", "writer", "root@west"}, "source.done=kill");
  EXPECT_NE(moved.status, 0);
  ASSERT_TRUE(comes_true([&] { return state_of("west", "writer") == "running"; }));
  ASSERT_FALSE(move("writer", "west", "east").is_null());
  expect_whole(open);
}

// The filler and its guardian take turns in starting each other; the workload notices nothing.
TEST_F(MemoryTest, AFillerThatIsKilledIsReplacedAndNothingIsLost) {
  run_writer("384MiB", "8MiB", "5MB/s");
  Connection open = connect();
  Background moving = start_ferry("east", {"move", "writer", "root@west", "--json", "-q"});
  ASSERT_TRUE(comes_true([&] { return is_settling("west") && state_of("west", "writer") == "running"; }, 60'000));
  int killed = 0;
  for (; killed < 20 && is_settling("west"); ++killed) {
    lab().shell("west", "kill -9 $(pgrep -f 'exe fill' | tail -n 1)");
  }
  EXPECT_GT(killed, 0);
  EXPECT_EQ(moving.wait(), 0);
  expect_whole(open);
}

// Whatever is killed, the workload never reads a zero that was not there: it waits.
TEST_F(MemoryTest, WhenAllWhoFillAreKilledItWaitsAndNeverSeesAZero) {
  run_writer("384MiB", "64MiB", "100MB/s");
  Connection open = connect();
  Background moving = start_ferry("east", {"move", "writer", "root@west", "--json", "-q"});
  ASSERT_TRUE(comes_true([&] { return is_settling("west") && state_of("west", "writer") == "running"; }, 60'000));
  lab().shell("west", "kill -9 $(pgrep -f 'exe fill|ferry receive|ferry guard|exe guard')");
  // The writer checks each page that it is about to overwrite; one that was zero would be counted.
  const Result verdict = lab().shell("client", fmt::format("curl -s -m 5 http://{}:{}/verify", kAddress, kPort));
  EXPECT_TRUE(verdict.status != 0 || verdict.out.starts_with("0 ")) << verdict.out;
  moving.signal(SIGTERM);
  moving.wait();
  ferry("west", {"stop", "writer"});
}

// ---- post-copy: it runs on the target, and its memory is still at the source ----

class PostCopyTest : public MemoryTest {
 protected:
  Background begin_move(const Argv& options, const std::string& faults = {}) const {
    Argv words{"move", "writer", "root@west", "--json", "-q"};
    words.insert(words.end(), options.begin(), options.end());
    return start_ferry("east", words, faults);
  }
  std::string memory_of(const std::string& host) const {
    for (const auto& one : workloads(host)) {
      if (one.at("name") == "writer") return one.value("memory", "");
    }
    return "";
  }
  void cut_link() const { lab().check("west", "ip link set eth0 down"); }
  void heal_link() const { lab().check("west", "ip link set eth0 up"); }
};

TEST_F(PostCopyTest, AllOfItComesAfterItRuns) {
  run_writer("96MiB", "16MiB", "20MB/s");
  Connection open = connect();
  const Json report = move("writer", "east", "west", {"--mode", "post"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("mode"), "post");
  EXPECT_TRUE(report.at("rounds").empty());
  EXPECT_GE(report.at("pulled_bytes"), 90 << 20);
  EXPECT_GT(report.at("faults"), 0);
  EXPECT_EQ(state_of("east", "writer"), "moved");
  expect_whole(open);
  ASSERT_FALSE(move("writer", "west", "east", {"--mode", "post"}).is_null());
  expect_whole(open);
}

TEST_F(PostCopyTest, HybridFetchesOnlyWhatWasWrittenSinceItsRounds) {
  run_writer("96MiB", "8MiB", "40MB/s");
  Connection open = connect();
  const Json report = move("writer", "east", "west", {"--mode", "hybrid"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("mode"), "hybrid");
  EXPECT_EQ(report.at("rounds").size(), 1u);
  EXPECT_GT(report.at("pulled_bytes"), 0);
  EXPECT_LT(report.at("pulled_bytes"), 32 << 20);
  expect_whole(open);
}

TEST_F(PostCopyTest, ThroughTheSshPipeItIsRefusedBeforeAnythingIsTouched) {
  run_writer("8MiB", "4MiB", "5MB/s");
  const Result moved = ferry("east", {"move", "writer", "root@west", "--mode", "post", "--tunnel"});
  EXPECT_NE(moved.status, 0);
  EXPECT_NE(moved.err.find("direct connections"), std::string::npos) << moved.err;
  EXPECT_EQ(state_of("east", "writer"), "running");
}

// The frozen copy has the only copy of most pages: its ferry's guard goes on serving them.
TEST_F(PostCopyTest, WhenTheSourcesFerryIsKilledItsGuardServesTheRest) {
  run_writer("64MiB", "16MiB", "20MB/s");
  Connection open = connect();
  Background moving = begin_move({"--mode", "post", "--bandwidth", "4MB/s"});
  ASSERT_TRUE(comes_true([&] { return memory_of("west") == "takes memory from east"; }, 60'000));
  EXPECT_EQ(state_of("east", "writer"), "serving");
  lab().check("east", "kill -9 $(pgrep -f '[f]erry move writer' | head -n 1)");
  moving.wait();
  ASSERT_TRUE(comes_true([&] { return state_of("east", "writer") == "moved"; }, 60'000));
  EXPECT_EQ(memory_of("west"), "");
  expect_whole(open);
}

TEST_F(PostCopyTest, WhenTheTargetsFerryIsKilledAnotherGoesOnFetching) {
  run_writer("64MiB", "16MiB", "20MB/s");
  Connection open = connect();
  Background moving = begin_move({"--mode", "post", "--bandwidth", "8MB/s"});
  ASSERT_TRUE(comes_true([&] { return memory_of("west") == "takes memory from east"; }, 60'000));
  lab().check("west", "kill -9 $(pgrep -f '[f]erry receive' | head -n 1)");
  EXPECT_EQ(moving.wait(), 0);
  EXPECT_EQ(state_of("east", "writer"), "moved");
  expect_whole(open);
}

TEST_F(PostCopyTest, AFillerThatIsKilledMeanwhileIsReplaced) {
  run_writer("64MiB", "16MiB", "20MB/s");
  Connection open = connect();
  Background moving = begin_move({"--mode", "post", "--bandwidth", "8MB/s"});
  ASSERT_TRUE(comes_true([&] { return memory_of("west") == "takes memory from east"; }, 60'000));
  for (int i = 0; i < 10 && is_settling("west"); ++i) {
    lab().shell("west", "kill -9 $(pgrep -f 'exe fill' | tail -n 1); sleep 0.1");
  }
  EXPECT_EQ(moving.wait(), 0);
  expect_whole(open);
}

TEST_F(PostCopyTest, ALinkThatIsCutAndHealedCostsTimeAndNothingElse) {
  run_writer("64MiB", "16MiB", "20MB/s");
  Connection open = connect();
  Background moving = begin_move({"--mode", "post", "--bandwidth", "4MB/s"});
  ASSERT_TRUE(comes_true([&] { return memory_of("west") == "takes memory from east"; }, 60'000));
  cut_link();
  EXPECT_FALSE(comes_true([&] { return state_of("east", "writer") != "serving"; }, 15'000));
  heal_link();
  EXPECT_EQ(moving.wait(), 0);
  expect_whole(open);
}

class PostCopyFaults : public PostCopyTest, public ::testing::WithParamInterface<std::string> {};

// Before the commit or after it: it runs on one host, and its memory is whole there.
TEST_P(PostCopyFaults, LeaveOneCopyWithAllOfItsMemory) {
  run_writer("48MiB", "16MiB", "20MB/s");
  Connection open = connect();
  begin_move({"--mode", "post"}, GetParam() + "=kill").wait();
  ASSERT_TRUE(comes_true([&] {
    const auto east = state_of("east", "writer"), west = state_of("west", "writer");
    return (east == "running" && west != "running") || (east == "moved" && west == "running" && memory_of("west").empty());
  }, 60'000)) << state_of("east", "writer") << " " << state_of("west", "writer");
  expect_whole(open);
}

INSTANTIATE_TEST_SUITE_P(, PostCopyFaults, ::testing::Values("source.serving", "target.pulling", "target.arrived"),
                         [](const auto& one) { return std::string(one.param).replace(6, 1, ""); });

// Longer than the user wants to wait: nothing is lost on either side, and it goes on when it can.
TEST_F(PostCopyTest, ALinkThatStaysCutLeavesItWaitingUntilSomebodyResolvesIt) {
  run_writer("64MiB", "16MiB", "20MB/s");
  Background moving = begin_move({"--mode", "post", "--bandwidth", "4MB/s", "--post-copy-timeout", "2s"});
  ASSERT_TRUE(comes_true([&] { return memory_of("west") == "takes memory from east"; }, 60'000));
  cut_link();
  EXPECT_EQ(moving.wait(), static_cast<int>(base::Exit::kInDoubt));
  EXPECT_EQ(state_of("east", "writer"), "serving");
  EXPECT_NE(ferry("east", {"stop", "writer"}).status, 0);
  EXPECT_NE(ferry("east", {"move", "writer", "root@west"}).status, 0);
  EXPECT_NE(ferry("east", {"resolve", "writer", "--run-here"}).status, 0);
  EXPECT_TRUE(comes_true([&] { return memory_of("west") == "waits for memory from east"; }, 60'000)) << memory_of("west");
  heal_link();
  // Its guard may be faster.
  EXPECT_TRUE(comes_true([&] {
    ferry("east", {"resolve", "writer"});
    return state_of("east", "writer") == "moved";
  }, 90'000));
  Connection open = connect();
  expect_whole(open);
}

}  // namespace
}  // namespace ferry::testing
