// SPDX-License-Identifier: Apache-2.0
#include "load/counter.h"

#include <gtest/gtest.h>

namespace ferry::load {
namespace {

// One request after the other.
void take_in_turn(CounterLedger& ledger, std::initializer_list<uint64_t> numbers) {
  for (const uint64_t number : numbers) (void)ledger.take(number, ledger.floor());
}

TEST(Counter, ConsecutiveNumbersHold) {
  CounterLedger ledger;
  take_in_turn(ledger, {7u, 8u, 9u, 10u});
  EXPECT_EQ(ledger.report(), (CounterReport{.first = 7, .last = 10, .received = 4}));
  EXPECT_TRUE(ledger.report().holds());
}

TEST(Counter, NothingReceivedIsNoProofOfLoss) { EXPECT_TRUE(CounterLedger().report().holds()); }

TEST(Counter, RequestsAtTheSameTimeMayBeAnsweredInAnyOrder) {
  CounterLedger ledger;
  EXPECT_FALSE(ledger.take(2u, 0));
  EXPECT_FALSE(ledger.take(1u, 0));  // sent before 2 had come
  EXPECT_TRUE(ledger.report().holds());
}

TEST(Counter, RepeatedNumberIsFound) {
  CounterLedger ledger;
  EXPECT_FALSE(ledger.take(1u, 0));
  EXPECT_FALSE(ledger.take(2u, 0));
  EXPECT_FALSE(ledger.take(2u, 0));
  EXPECT_EQ(ledger.report().repeated, 1u);
  EXPECT_FALSE(ledger.report().holds());
}

TEST(Counter, ServiceThatWentBackIsFound) {
  CounterLedger ledger;
  take_in_turn(ledger, {100u, 101u});
  EXPECT_TRUE(ledger.take(5u, ledger.floor()));  // started afresh: no repetition, but behind
  EXPECT_EQ(ledger.report().backwards, 1u);
  EXPECT_FALSE(ledger.report().holds());
}

TEST(Counter, GapNeedsAFailedRequest) {
  CounterLedger ledger;
  take_in_turn(ledger, {1u, 4u});
  EXPECT_EQ(ledger.report().missing, 2u);
  EXPECT_EQ(ledger.report().unaccounted, 2u);
  ledger.lost();
  EXPECT_EQ(ledger.report().unaccounted, 1u);
  ledger.lost();
  EXPECT_TRUE(ledger.report().holds());
  EXPECT_EQ(ledger.report().failed_after_sent, 2u);
}

TEST(Counter, AnswerWithoutANumberMayHaveCounted) {
  CounterLedger ledger;
  EXPECT_TRUE(ledger.take(std::nullopt, 0));
  EXPECT_EQ(ledger.report().received, 0u);
  EXPECT_EQ(ledger.report().failed_after_sent, 1u);
}

}  // namespace
}  // namespace ferry::load
