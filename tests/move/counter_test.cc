// SPDX-License-Identifier: Apache-2.0
//
// The main promise: a service that moves loses no request, no connection and no step of its work, and its clocks go on.
#include <fmt/format.h>

#include <sstream>

#include "support/load.h"
#include "support/move_test.h"

namespace ferry::testing {
namespace {

class CounterTest : public MoveTest {
 protected:
  // Ends when its input is closed.
  Background start_load(int rate) const {
    return start_ferry("client", {"load-test", fmt::format("http://{}:{}/next", kAddress, kPort), "--rate", std::to_string(rate),
                                  "--connections", "8", "--counter", "--json", "--until-eof-of-stdin"});
  }
  static void expect_unharmed(const Json& load) {
    EXPECT_GT(load.at("ok"), 0);
    EXPECT_EQ(load.at("failed"), 0) << load.at("examples");
    EXPECT_EQ(load.at("counter").at("holds"), true) << load.at("counter");
    EXPECT_EQ(load.at("connects"), 8);  // none was lost and made anew
  }
};

TEST_F(CounterTest, UnderLoadNoRequestFailsAndNoStepIsLost) {
  run_counter();
  Connection open = connect();
  const std::string identity = open.get("/id");
  Background load = start_load(200);
  ASSERT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > 100; }));
  const Json report = move("web", "east", "west");
  const int there = std::stoi(open.get("/value"));
  EXPECT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > there + 100; }));
  expect_unharmed(end_load(load));
  EXPECT_EQ(open.get("/id"), identity);
  EXPECT_EQ(state_of("east", "web"), "moved");
  EXPECT_EQ(state_of("west", "web"), "running");
  EXPECT_EQ(Connection(lab(), "client", kAddress, kPort).get("/id"), identity);  // a new one gets there, too
}

TEST_F(CounterTest, ThereAndBackFiveTimes) {
  run_counter();
  Connection open = connect();
  const std::string identity = open.get("/id");
  Background load = start_load(100);
  for (int i = 0; i < 5; ++i) {
    ASSERT_FALSE(move("web", "east", "west").is_null()) << "there, round " << i;
    ASSERT_FALSE(move("web", "west", "east").is_null()) << "back, round " << i;
  }
  expect_unharmed(end_load(load));
  EXPECT_EQ(open.get("/id"), identity);
  EXPECT_EQ(state_of("east", "web"), "running");
  EXPECT_EQ(state_of("west", "web"), "moved");
  EXPECT_EQ(ferry("east", {"logs", "web"}).out, "READY 8080\n");
}

TEST_F(CounterTest, NothingStaysWhereItWas) {
  const std::string east = traces("east"), west = traces("west");
  run_counter();
  EXPECT_NE(traces("east"), east);
  ASSERT_FALSE(move("web", "east", "west").is_null());
  lab().check("east", "rm -r /var/lib/ferry/workloads/web");  // the record that it was here
  expect_traces("east", east);
  ASSERT_EQ(ferry("west", {"stop", "web"}).status, 0);
  lab().check("west", "rm -r /var/lib/ferry/workloads/web");
  expect_traces("west", west);
}

struct Clocks {
  int64_t monotonic = 0, boottime = 0, worst_step = 0, backwards = 0;
};
Clocks read_clocks(Connection& connection) {
  std::istringstream words(connection.get("/clock"));
  Clocks clocks;
  words >> clocks.monotonic >> clocks.boottime >> clocks.worst_step >> clocks.backwards;
  return clocks;
}

// The hosts' own clocks are 4,000 seconds apart.
TEST_F(CounterTest, ItsClocksGoOnThroughMovesBetweenHostsOfOtherTimes) {
  run_counter();
  Connection open = connect();
  const Clocks before = read_clocks(open);
  const auto started = base::mono_now();
  double longest_ms = 0;
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east"), std::pair("east", "west")}) {
    const Json report = move("web", from, to);
    ASSERT_FALSE(report.is_null());
    longest_ms = std::max(longest_ms, report.at("frozen_ms").get<double>());
  }
  const Clocks after = read_clocks(open);
  const double elapsed_ms = base::ms_between(started, base::mono_now());
  constexpr double kMargin_ms = 40;  // a busy machine lets the process wait for its turn
  EXPECT_EQ(after.backwards, 0);
  EXPECT_LE(after.worst_step / 1e6, longest_ms + kMargin_ms);
  EXPECT_GT(after.worst_step / 1e6, longest_ms / 2);  // the pause is seen, not hidden
  // Against a clock that did not move: nothing was added or taken away.
  EXPECT_NEAR((after.monotonic - before.monotonic) / 1e6, elapsed_ms, kMargin_ms);
  EXPECT_NEAR((after.boottime - before.boottime) / 1e6, elapsed_ms, kMargin_ms);
  EXPECT_EQ((after.boottime - after.monotonic) / 1'000'000, (before.boottime - before.monotonic) / 1'000'000);
}

}  // namespace
}  // namespace ferry::testing
