// SPDX-License-Identifier: Apache-2.0
//
// Flags of memory that change between the last look at them and the freeze: what is dumped is of no use then, the freeze is taken back, and
// there is another one, where they are read from smaps. Or the move ends in that moment, and nothing is harmed.
#include <fmt/format.h>

#include <regex>

#include "kernel/vma_flags.h"
#include "support/load.h"
#include "support/move_test.h"
#include "support/tracee.h"

namespace ferry::testing {
namespace {

// The change lies where it hurts, and is known before the target is asked to restore. The first time:
constexpr const char* kChangedOnce = "source.before_freeze=stall:100@1,source.flags_check=in-time,source.flags=by-smaps";
constexpr const char* kChangedAlways = "source.before_freeze=stall:100,source.flags_check=in-time,source.flags=by-smaps";

// A tracee that changes the flags of its memory all the time.
class FlagsTest : public MoveTest {
 protected:
  void make_directories() const {
    for (const char* host : {"east", "west"}) lab().check(host, fmt::format("mkdir -m 777 {}", kTraceeDirectory));
  }
  void start() const {
    make_directories();
    run("east", kName, {}, {tracee(), kTraceeDirectory});
    ASSERT_TRUE(comes_true([&] { return log() != ""; }, kTraceeReady_ms));
    if (log().starts_with("SKIP")) GTEST_SKIP() << log();
  }
  // The report. Null after a failure.
  Json move_with(const std::string& faults, const std::string& mode) const {
    const Result moved = ferry("east", {"move", kName, "root@west", "--json", "--mode", mode}, faults);
    EXPECT_EQ(moved.status, 0) << moved.out << moved.err;
    expect_pass();
    return moved.status == 0 ? Json::parse(moved.out) : Json();
  }
  // On west: its flags and its memory are what it made them.
  void expect_pass() const {
    lab().check("west", fmt::format("touch {}/go", kTraceeDirectory));
    EXPECT_TRUE(comes_true([&] { return log("west").find("PASS\n") != std::string::npos; }, kTraceeAnswer_ms)) << log("west");
  }
  std::string log(const std::string& host = "east") const { return ferry(host, {"logs", kName}).out; }
  static std::string tracee() { return FERRY_BINARY_DIR "/tests/tracees/fork_flag_flips"; }

  static constexpr const char* kName = "flags";
};

TEST_F(FlagsTest, ThatChangeJustBeforeTheFreezeMeanAnotherOne) {
  ASSERT_NO_FATAL_FAILURE(start());
  if (IsSkipped()) return;
  const Json report = move_with(kChangedAlways, "pre");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("taken_back"), 2) << "the third freeze trusts nothing that was read before it";
}

TEST_F(FlagsTest, AreTakenBackInStopModeToo) {
  ASSERT_NO_FATAL_FAILURE(start());
  if (IsSkipped()) return;
  const Json report = move_with(kChangedOnce, "stop");
  ASSERT_FALSE(report.is_null());
  EXPECT_GE(report.at("taken_back"), 1);
}

TEST_F(FlagsTest, AreTakenBackInTheModesThatFetchLater) {
  ASSERT_NO_FATAL_FAILURE(start());
  if (IsSkipped()) return;
  const Json report = move_with(kChangedOnce, "hybrid");
  ASSERT_FALSE(report.is_null());
  EXPECT_GE(report.at("taken_back"), 1);
}

TEST_F(FlagsTest, AreReadAtTheFreezeWhereTheKernelTellsThem) {
  std::string why;
  if (!kernel::VmaFlagsReader::try_open(&why)) GTEST_SKIP() << why;
  ASSERT_NO_FATAL_FAILURE(start());
  if (IsSkipped()) return;
  const Json report = move_with("source.before_freeze=stall:100,source.flags_check=in-time", "pre");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.value("taken_back", 0), 0) << "what was read when it was frozen is true";
}

TEST_F(FlagsTest, ThatAreKnownTooLateMeanAnotherMove) {
  ASSERT_NO_FATAL_FAILURE(start());
  if (IsSkipped()) return;
  const Json report = move_with("source.before_freeze=stall:100@1,source.flags_check=late@1,source.flags=by-smaps", "pre");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("taken_back"), 1);
}

// Each freeze that is taken back gives back the packets that waited at the target, and the next one parks anew.
TEST_F(FlagsTest, AnOpenConnectionGoesThroughEveryFreeze) {
  make_directories();
  run("east", kName, {"--ip", fmt::format("{}/24", kAddress)},
      {"/bin/sh", "-c", fmt::format("{} {} & exec /usr/bin/python3 {} {}", tracee(), kTraceeDirectory, program("web_counter.py"), kPort)});
  ASSERT_TRUE(comes_true([&] { return log().find("READY\n") != std::string::npos && log().find("READY ") != std::string::npos; })) << log();
  Background load = start_ferry("client", {"load-test", fmt::format("http://{}:{}/next", kAddress, kPort), "--rate", "300", "--connections", "50",
                                           "--counter", "--json", "--until-eof-of-stdin"});
  Connection open = connect();
  ASSERT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > 100; }));
  const Result moved = ferry("east", {"move", kName, "root@west", "--json"}, kChangedAlways);
  ASSERT_EQ(moved.status, 0) << moved.out << moved.err;
  const Json report = Json::parse(moved.out);
  EXPECT_EQ(report.at("taken_back"), 2);
  EXPECT_EQ(report.at("parking").at("on"), true);
  const int value = std::stoi(open.get("/value"));
  EXPECT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > value + 50; }));
  const Json result = end_load(load);
  ASSERT_FALSE(result.is_null());
  EXPECT_EQ(result.at("failed"), 0) << result.at("examples");
  EXPECT_EQ(result.at("counter").at("holds"), true) << result.at("counter");
  EXPECT_EQ(result.at("connects"), 50);
  expect_pass();
}

// A move that ends when a freeze has been taken back: it runs at the source, nowhere else, and can be moved.
class TakenBackFaults : public FlagsTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(TakenBackFaults, LeaveTheWorkloadUnharmed) {
  const std::string west = traces("west");
  ASSERT_NO_FATAL_FAILURE(start());
  if (IsSkipped()) return;
  const std::string east = traces("east");
  const Result moved = ferry("east", {"move", kName, "root@west", "--mode", "pre"}, fmt::format("{},{}", kChangedOnce, GetParam()));
  EXPECT_NE(moved.status, 0);
  EXPECT_NE(moved.err.find("frozen once more"), std::string::npos) << moved.err;
  EXPECT_TRUE(comes_true([&] { return state_of("east", kName) == "running"; })) << state_of("east", kName);
  expect_traces("east", east);
  EXPECT_NE(state_of("west", kName), "running");
  ASSERT_FALSE(move(kName, "east", "west").is_null());
  EXPECT_EQ(state_of("east", kName), "moved");
  expect_pass();
}

INSTANTIATE_TEST_SUITE_P(, TakenBackFaults,
                         ::testing::Values("source.taken_back=fail", "source.taken_back=kill", "target.taken_back=fail", "target.taken_back=kill",
                                           "source.before_freeze=kill@2", "source.frozen=kill@2"),
                         [](const auto& one) { return std::regex_replace(one.param, std::regex("[^a-z2]"), ""); });

}  // namespace
}  // namespace ferry::testing
