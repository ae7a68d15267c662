// SPDX-License-Identifier: Apache-2.0
#include "load/counter.h"

#include <gtest/gtest.h>

namespace ferry::load {
namespace {

// One request after the other.
void take_in_turn(CounterLedger& ledger, std::initializer_list<const char*> bodies) {
  for (const char* body : bodies) (void)ledger.take(body, ledger.floor());
}

TEST(Counter, ConsecutiveNumbersHold) {
  CounterLedger ledger;
  take_in_turn(ledger, {"7\n", "8\n", "9\n", "10\n"});
  EXPECT_EQ(ledger.report(), (CounterReport{.first = 7, .last = 10, .received = 4}));
  EXPECT_TRUE(ledger.report().holds());
}

TEST(Counter, NothingReceivedIsNoProofOfLoss) { EXPECT_TRUE(CounterLedger().report().holds()); }

TEST(Counter, RequestsAtTheSameTimeMayBeAnsweredInAnyOrder) {
  CounterLedger ledger;
  EXPECT_FALSE(ledger.take("2\n", 0));
  EXPECT_FALSE(ledger.take("1\n", 0));  // sent before 2 had come
  EXPECT_TRUE(ledger.report().holds());
}

TEST(Counter, RepeatedNumberIsFound) {
  CounterLedger ledger;
  EXPECT_FALSE(ledger.take("1\n", 0));
  EXPECT_FALSE(ledger.take("2\n", 0));
  EXPECT_FALSE(ledger.take("2\n", 0));
  EXPECT_EQ(ledger.report().repeated, 1u);
  EXPECT_FALSE(ledger.report().holds());
}

TEST(Counter, ServiceThatWentBackIsFound) {
  CounterLedger ledger;
  take_in_turn(ledger, {"100\n", "101\n"});
  EXPECT_TRUE(ledger.take("5\n", ledger.floor()));  // started afresh: no repetition, but behind
  EXPECT_EQ(ledger.report().backwards, 1u);
  EXPECT_FALSE(ledger.report().holds());
}

TEST(Counter, GapNeedsAFailedRequest) {
  CounterLedger ledger;
  take_in_turn(ledger, {"1\n", "4\n"});
  EXPECT_EQ(ledger.report().missing, 2u);
  EXPECT_EQ(ledger.report().unaccounted, 2u);
  ledger.lost();
  EXPECT_EQ(ledger.report().unaccounted, 1u);
  ledger.lost();
  EXPECT_TRUE(ledger.report().holds());
  EXPECT_EQ(ledger.report().failed_after_sent, 2u);
}

TEST(Counter, WhatIsNoNumberIsRefused) {
  for (const char* body :
       {"", "\n", "12", "12\n\n", "x\n", "-1\n", " 1\n", "99999999999999999999999\n"}) {
    CounterLedger ledger;
    EXPECT_TRUE(ledger.take(body, 0)) << body;
    EXPECT_EQ(ledger.report().received, 0u);
    EXPECT_EQ(ledger.report().failed_after_sent, 1u) << "the service may have counted";
  }
}

}  // namespace
}  // namespace ferry::load
