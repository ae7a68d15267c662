// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C and `ferry cancel`: before the commit the workload goes on where it was; afterwards it is too late, and said so.
#include <signal.h>

#include <fmt/format.h>

#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

class CancelTest : public UnharmedTest {
 protected:
  // A move that waits at a point, once it is in the phase where that point lies.
  Background start_move(const std::string& point, const std::string& phase) const {
    Background move = lab().start("east", {"env", fmt::format("FERRY_FAULTS={}=stall:1500", point), "sh", "-c",
                                           "exec ferry move web root@west 2>&1"});
    for (;;) {
      const auto line = move.read_line();
      if (!line) throw std::runtime_error("the move ended before its phase " + phase);
      if (*line == "ferry: " + phase) return move;
    }
  }
  static std::string rest_of(Background& move) {
    std::string text;
    while (const auto line = move.read_line()) text += *line + "\n";
    return text;
  }
};

struct Moment {
  const char *point, *phase;
};
class CancelAtTest : public CancelTest, public ::testing::WithParamInterface<Moment> {};

TEST_P(CancelAtTest, TheWorkloadGoesOnHere) {
  Background move = start_move(GetParam().point, GetParam().phase);
  const Result cancel = ferry("east", {"cancel", "web"});
  EXPECT_EQ(cancel.status, 0) << cancel.err;
  EXPECT_EQ(cancel.out, "cancelled: web goes on here\n");
  const std::string said = rest_of(move);
  EXPECT_NE(said.find("ferry: cancelled"), std::string::npos) << said;
  EXPECT_EQ(move.wait(), 4);
  expect_unharmed();
  expect_next_move_works();
}

INSTANTIATE_TEST_SUITE_P(, CancelAtTest,
                         ::testing::Values(Moment{"source.connected", "prepare"}, Moment{"target.preparing", "prepare"},
                                           Moment{"source.before_freeze", "copy"}, Moment{"source.frozen", "freeze"},
                                           Moment{"source.dumped", "dump"}, Moment{"source.sent", "send"},
                                           Moment{"target.restoring", "restore"}, Moment{"target.restored", "restore"}),
                         [](const auto& one) {
                           std::string name = one.param.point;
                           std::erase_if(name, [](char c) { return c == '.' || c == '_'; });
                           return name;
                         });

TEST_F(CancelTest, CtrlCIsTheSame) {
  for (const int number : {SIGINT, SIGTERM}) {
    Background move = start_move("source.sent", "send");
    move.signal(number);
    EXPECT_NE(rest_of(move).find("web goes on here, unharmed"), std::string::npos);
    EXPECT_EQ(move.wait(), 4);
    expect_unharmed();
  }
  expect_next_move_works();
}

TEST_F(CancelTest, AfterTheCommitItIsTooLate) {
  Background move = start_move("source.committed", "commit");
  const Result cancel = ferry("east", {"cancel", "web"});
  EXPECT_EQ(cancel.status, 1);
  EXPECT_NE(cancel.err.find("too late"), std::string::npos) << cancel.err;
  EXPECT_NE(cancel.err.find("moved to west"), std::string::npos) << cancel.err;
  EXPECT_NE(rest_of(move).find("web runs on west now"), std::string::npos);
  EXPECT_EQ(move.wait(), 0);
  EXPECT_EQ(open().next(), 2);
  EXPECT_EQ(state_of("west", "web"), "running");
  EXPECT_EQ(state_of("east", "web"), "moved");
}

TEST_F(CancelTest, NothingToCancel) {
  for (const char* what : {"web", "no-such-name", "999999"}) {
    const Result cancel = ferry("east", {"cancel", what});
    EXPECT_EQ(cancel.status, 3) << what;
    EXPECT_NE(cancel.err.find("nothing to cancel"), std::string::npos) << cancel.err;
  }
  expect_unharmed();
}

// One move at a time, and nothing else meanwhile. The first is not disturbed.
TEST_F(CancelTest, ASecondMoveOfTheSameIsRefused) {
  Background move = start_move("source.before_freeze", "copy");
  for (const Argv& words : {Argv{"move", "web", "root@west"}, {"stop", "web"}}) {
    const Result second = ferry("east", words);
    EXPECT_EQ(second.status, 3) << words[0];
    EXPECT_NE(second.err.find("is at work on it: move"), std::string::npos) << second.err;
    EXPECT_NE(second.err.find("ferry cancel web"), std::string::npos) << second.err;
  }
  EXPECT_EQ(open().next(), 2);
  EXPECT_NE(rest_of(move).find("web runs on west now"), std::string::npos);
  EXPECT_EQ(move.wait(), 0);
  EXPECT_EQ(open().next(), 3);
}

}  // namespace
}  // namespace ferry::testing
