// SPDX-License-Identifier: Apache-2.0
//
// Moves that are cut off: who finishes them, and what `ferry resolve` and `ferry ps` say meanwhile. (Every kill at every moment:
// tests/faults.)
#include <fmt/format.h>

#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

class ResolveTest : public UnharmedTest {
 protected:
  // A move that waits at a point of its source, or of its target, once its journal says that it has come there.
  Background start_move(const std::string& point, const std::string& host, const std::string& state) const {
    Background move = start_ferry("east", {"move", "-q", "web", "root@west"}, point + "=stall:60000");
    if (!comes_true([&] { return journals(host).find(fmt::format("\"state\":\"{}\"", state)) != std::string::npos; })) {
      throw std::runtime_error("the move has not come to " + state);
    }
    return move;
  }
  std::string journals(const std::string& host) const { return lab().shell(host, "cat /var/lib/ferry/journal/*.jsonl").out; }
  // SIGKILL to all of ferry and CRIU, the guards first, so that nobody puts anything right.
  void kill_all(const std::string& host) const {
    lab().shell(host, "pkill -KILL -f '[e]xe guard'; pkill -KILL -f '[f]erry (move|receive)|[c]riu'; true");
    ASSERT_TRUE(comes_true([&] { return lab().shell(host, "pgrep -f '[f]erry (move|receive)'").status != 0; })) << "they die";
  }
  void kill_only(const std::string& host, const std::string& verb) const {
    lab().check(host, fmt::format("pkill -KILL -f '[f]erry {}'", verb));
  }
  Json resolve(const std::string& host, const Argv& words, int status) const {
    Argv argv{"resolve", "--json"};
    argv.insert(argv.end(), words.begin(), words.end());
    const Result result = ferry(host, argv);
    EXPECT_EQ(result.status, status) << result.out << result.err;
    return Json::parse(result.out);
  }
  void expect_frozen_here() const {
    EXPECT_EQ(state_of("east", "web"), "frozen");
    EXPECT_NE(ferry("east", {"ps"}).out.find("frozen (by a move)"), std::string::npos);
  }
  void cut() const { lab().check("west", "ip link set eth0 down"); }
  void mend() const { lab().check("west", "ip link set eth0 up"); }
};

TEST_F(ResolveTest, NothingWasCutOff) {
  const Result result = ferry("east", {"resolve"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "nothing to resolve: no move on this host was cut off\n");
  EXPECT_EQ(resolve("east", {}, 0), Json::array());
  EXPECT_EQ(ferry("east", {"resolve", "--run-here"}).status, 2);
}

// The guards notice.
TEST_F(ResolveTest, AKilledFerryIsFinishedWithoutAnyonesHelp) {
  Background move = start_move("source.dumped", "east", "dumping");
  kill_only("east", "move");
  move.wait();
  EXPECT_TRUE(comes_true([&] { return state_of("east", "web") == "running"; }));
  expect_unharmed();
  expect_next_move_works();
}

TEST_F(ResolveTest, AllOfFerryIsKilledBeforeTheCommit) {
  Background move = start_move("target.restored", "west", "restoring");
  kill_all("east");
  kill_all("west");
  move.wait();
  expect_frozen_here();
  const Json here = resolve("east", {"web"}, 0);
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0].at("done"), "it goes on here");
  const Json there = resolve("west", {}, 0);
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there[0].at("done"), "what was left of it here was removed");
  expect_unharmed();
  expect_next_move_works();
}

// Without `ferry resolve`: a new move finds what the old one left on either host, and puts it right first.
TEST_F(ResolveTest, TheNextMoveFinishesAnEarlierOne) {
  Background move = start_move("target.restored", "west", "restoring");
  kill_all("east");
  kill_all("west");
  move.wait();
  const Result next = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(next.status, 0) << next.err;
  EXPECT_NE(next.err.find("an earlier move of web was cut off"), std::string::npos) << next.err;
  EXPECT_EQ(open().next(), 2);
}

TEST_F(ResolveTest, AllOfFerryIsKilledAfterTheCommit) {
  Background move = start_move("source.granted", "west", "running");
  kill_all("east");
  kill_all("west");
  move.wait();
  expect_frozen_here();
  const Json here = resolve("east", {}, 0);
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0].at("done"), "the frozen copy here was removed");
  EXPECT_EQ(state_of("east", "web"), "moved");
  EXPECT_EQ(open().next(), 2);
  EXPECT_EQ(state_of("west", "web"), "running");
}

class InDoubtTest : public ResolveTest {
 protected:
  void SetUp() override {
    ResolveTest::SetUp();
    if (IsSkipped()) return;
    Background move = start_move("source.committed", "east", "committed");
    cut();
    kill_all("east");
    move.wait();
    expect_frozen_here();
    const Json open = resolve("east", {"web"}, 5);
    ASSERT_EQ(open.size(), 1u);
    EXPECT_TRUE(open[0].at("open"));
    EXPECT_NE(open[0].at("found").get<std::string>().find("west cannot be asked"), std::string::npos) << open;
    expect_frozen_here();
  }
};

TEST_F(InDoubtTest, ItIsResolvedWhenTheOtherHostCanBeAsked) {
  const Result again = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(again.status, 3);
  EXPECT_NE(again.err.find("`ferry resolve web` asks there"), std::string::npos) << again.err;
  mend();
  const Json here = resolve("east", {"web"}, 0);
  EXPECT_EQ(here.at(0).at("done"), "it goes on here");
  expect_unharmed();
  expect_next_move_works();
}

TEST_F(InDoubtTest, APersonMayKnowThatItNeverRanThere) {
  EXPECT_EQ(resolve("east", {"web", "--run-here"}, 0).at(0).at("done"), "it goes on here");
  mend();
  expect_unharmed();
}

TEST_F(InDoubtTest, APersonMayKnowThatItRunsThere) {
  EXPECT_EQ(resolve("east", {"web", "--drop-here"}, 0).at(0).at("done"), "the frozen copy here was removed");
  EXPECT_EQ(state_of("east", "web"), "moved");
  mend();
}

}  // namespace
}  // namespace ferry::testing
