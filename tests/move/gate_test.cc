// SPDX-License-Identifier: Apache-2.0
//
// Between "restored" and the commit the target has the workload with all of its sockets, and must not let one packet to them:
// what they acknowledged would be lost if the workload goes on at the source.
#include <fmt/format.h>

#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

constexpr int kLook_ms = 600;    // the client's kernel sends again after 200 and 600 ms
constexpr int kStall_ms = 1500;

class GateTest : public UnharmedTest {
 protected:
  // A move whose target has restored everything and waits; returns with the copies on both hosts.
  Background start_move(const std::string& then) const {
    Background move = start_ferry("east", {"move", "-q", "web", "root@west"},
                                  fmt::format("target.restored=stall:{}{}", kStall_ms, then));
    if (!comes_true([&] { return lab().shell("west", "pgrep -f '[w]eb_counter'").out != ""; })) {
      throw std::runtime_error("no copy on the target");
    }
    return move;
  }
  // What the client sends now stays in its own kernel.
  void expect_that_nobody_acknowledges() {
    const auto until = base::mono_now() + base::milliseconds(kLook_ms);
    while (base::mono_now() < until) {
      ASSERT_GT(open().unacknowledged(), 0);
      ASSERT_TRUE(open().is_silent(20));
    }
    EXPECT_TRUE(open().is_established());
    EXPECT_EQ(lab().check("west", "ip -o link show master br0 | grep -c fy- || true"), "0");  // the workload's port is shut
  }
};

TEST_F(GateTest, NoPacketReachesTheTargetBeforeTheCommit) {
  Background move = start_move(",source.restored=fail");
  open().send_get("/next");
  expect_that_nobody_acknowledges();
  EXPECT_EQ(move.wait(), 1);
  EXPECT_EQ(open().read_answer(), "2\n");  // the very request, answered by the source, once
  EXPECT_EQ(open().get("/value"), "2\n");
  EXPECT_TRUE(comes_true([&] { return lab().shell("west", "pgrep -f '[w]eb_counter'").out.empty(); }));
}

TEST_F(GateTest, WhatWasSentMeanwhileArrivesAfterTheMove) {
  Background move = start_move("");
  open().send_get("/next");
  expect_that_nobody_acknowledges();
  EXPECT_EQ(move.wait(), 0);
  EXPECT_EQ(open().read_answer(), "2\n");
  EXPECT_EQ(open().get("/value"), "2\n");
  EXPECT_EQ(state_of("west", "web"), "running");
}

// CRIU leaves sockets in repair mode while it holds them; one that stayed so would close without a word.
TEST_F(GateTest, AfterAFailedMoveAnEndStillReachesTheClient) {
  expect_no_move({"web", "root@west"}, 1, "fault injected", "target.restored=fail");
  ASSERT_EQ(ferry("east", {"stop", "web"}).status, 0);
  EXPECT_THROW(open().read_until("never comes", 3000), std::exception);
  EXPECT_FALSE(open().is_established());
}

}  // namespace
}  // namespace ferry::testing
