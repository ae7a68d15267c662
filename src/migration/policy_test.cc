// SPDX-License-Identifier: Apache-2.0
#include "migration/policy.h"

#include <gtest/gtest.h>

namespace ferry::migration {
namespace {

using Step = FreezeDecision::Step;

constexpr double kFast = 1024 * 1024;  // bytes per ms: 1 GiB/s

Outlook outlook(uint64_t dirty_mib, double since_ms, double bytes_per_ms = kFast) {
  return {dirty_mib << 20, since_ms, bytes_per_ms, 15, 30};
}

// Plays a workload that writes at a steady rate, up to its size, until the policy decides.
struct Played {
  FreezeDecision decision;
  int rounds = 0;
};
Played play(FreezePolicy policy, double dirty_mib_per_ms, double size_mib, double mib_per_ms) {
  double dirty = size_mib;  // the first round sends it all
  for (int round = 1;; ++round) {
    const double took = dirty / mib_per_ms;
    dirty = std::min(size_mib, dirty_mib_per_ms * took);
    const auto decision = policy.next({static_cast<uint64_t>(dirty * (1 << 20)), took, mib_per_ms * (1 << 20), 15, 30});
    if (decision.step != Step::kCopy) return {decision, round};
    if (round > 1000) return {{}, round};
  }
}

TEST(FreezePolicy, TheLastPagesTravelBesideTheDump) {
  EXPECT_DOUBLE_EQ(FreezePolicy::expected_pause_ms(outlook(5, 1000)), 15 + 30);
  EXPECT_DOUBLE_EQ(FreezePolicy::expected_pause_ms(outlook(100, 1000)), 100 + 30);
}

TEST(FreezePolicy, WhatTasksShareTakesTimeThoughItIsThere) {
  auto shared = outlook(1, 1000);
  shared.shared_bytes = 400'000'000;
  EXPECT_DOUBLE_EQ(FreezePolicy::expected_pause_ms(shared), 200 + 30);
  FreezePolicy promise({.limit_ms = 100, .max_ms = 150});
  EXPECT_EQ(promise.next(shared).step, Step::kCancel);
}

TEST(FreezePolicy, AnIdleWorkloadIsFrozenAfterOneRound) {
  FreezePolicy policy({});
  const auto decision = policy.next(outlook(0, 1000));
  EXPECT_EQ(decision.step, Step::kFreeze);
  EXPECT_DOUBLE_EQ(decision.expected_pause_ms, 45);
}

TEST(FreezePolicy, APauseThatFitsButCouldBeMuchShorterIsWorthAnotherRound) {
  FreezePolicy policy({200, {}});
  EXPECT_EQ(policy.next(outlook(100, 1000)).step, Step::kCopy);
}

// On few CPUs what is sent and the dump are in each other's way.
TEST(FreezePolicy, WhatTravelsBesideTheDumpIsWorthAnotherRoundToo) {
  FreezePolicy policy({});
  EXPECT_EQ(policy.next(outlook(10, 1000)).step, Step::kCopy);
  EXPECT_EQ(policy.next(outlook(1, 20)).step, Step::kFreeze);
}

TEST(FreezePolicy, RoundsShrinkUntilTheyFit) {
  const auto played = play(FreezePolicy({}), 0.2, 1024, 1);
  EXPECT_EQ(played.decision.step, Step::kFreeze);
  EXPECT_LE(played.decision.expected_pause_ms, 60);
  EXPECT_LE(played.rounds, 6);
}

// The tasks could not be stopped for a moment in the first round, say: all of it is left, and nothing was sent.
TEST(FreezePolicy, ALinkThatNobodyHasMeasuredIsNotTakenForInfinitelyFast) {
  FreezePolicy policy({});
  EXPECT_EQ(policy.next(outlook(900, 10, 0)).step, Step::kCopy);
  EXPECT_EQ(policy.next(outlook(0, 1000)).step, Step::kFreeze);
}

TEST(FreezePolicy, WhatCanNeverBeCopiedEndsInAFreezeOrBreaksThePromise) {
  const auto decide = [](FreezePolicy policy) {
    for (int round = 1;; ++round) {
      const auto decision = policy.next(outlook(900, 10, 0));
      if (decision.step != Step::kCopy || round == kMostRounds) return decision;
    }
  };
  const auto frozen = decide(FreezePolicy({}));
  EXPECT_EQ(frozen.step, Step::kFreeze);
  EXPECT_GT(frozen.expected_pause_ms, 1000);
  EXPECT_EQ(decide(FreezePolicy({100, 500})).step, Step::kCancel);
}

TEST(FreezePolicy, AWriterThatOutrunsTheLinkIsFrozenWithTheReason) {
  const auto played = play(FreezePolicy({}), 2, 1024, 1);
  EXPECT_EQ(played.decision.step, Step::kFreeze);
  EXPECT_LE(played.rounds, 10);
  EXPECT_GT(played.decision.expected_pause_ms, 1000);
  EXPECT_NE(played.decision.why.find("more rounds no longer help"), std::string::npos) << played.decision.why;
}

TEST(FreezePolicy, APromiseThatWouldBeBrokenCancels) {
  const auto played = play(FreezePolicy({100, 500}), 2, 1024, 1);
  EXPECT_EQ(played.decision.step, Step::kCancel);
  EXPECT_NE(played.decision.why.find("500"), std::string::npos) << played.decision.why;
}

TEST(FreezePolicy, APromiseThatHoldsDoesNot) {
  EXPECT_EQ(play(FreezePolicy({100, 5000}), 2, 1024, 1).decision.step, Step::kFreeze);
}

// What it wrote at `dirty_mib_per_ms` it writes at so much less while it is stopped for a part of the time.
Played play_slowed(FreezePolicy policy, double dirty_mib_per_ms, double size_mib, double mib_per_ms) {
  double dirty = size_mib;
  int throttle = 0;
  for (int round = 1;; ++round) {
    const double took = dirty / mib_per_ms;
    dirty = std::min(size_mib, dirty_mib_per_ms * (100 - throttle) / 100 * took);
    const auto decision = policy.next({static_cast<uint64_t>(dirty * (1 << 20)), took, mib_per_ms * (1 << 20), 15, 30});
    EXPECT_GE(decision.throttle, throttle) << "it is never let go on faster";
    throttle = decision.throttle;
    if (decision.step != Step::kCopy) return {decision, round};
    if (round > 1000) return {{}, round};
  }
}

TEST(FreezePolicy, AWriterThatOutrunsTheLinkIsSlowedUntilItDoesNot) {
  const auto played = play_slowed(FreezePolicy({}, 80), 2, 1024, 1);
  EXPECT_EQ(played.decision.step, Step::kFreeze);
  EXPECT_LE(played.decision.expected_pause_ms, 100) << played.decision.why;
  EXPECT_EQ(played.decision.throttle, 60) << "half would be just the link's speed";
  EXPECT_NE(played.decision.why.find("slowed by 60 %"), std::string::npos) << played.decision.why;
}

TEST(FreezePolicy, SlowedAsFarAsIsAllowedItIsFrozenAllTheSame) {
  const auto played = play_slowed(FreezePolicy({}, 45), 2, 1024, 1);
  EXPECT_EQ(played.decision.step, Step::kFreeze);
  EXPECT_EQ(played.decision.throttle, 45);
  EXPECT_NE(played.decision.why.find("more rounds no longer help"), std::string::npos) << played.decision.why;
  EXPECT_EQ(play_slowed(FreezePolicy({100, 500}, 45), 2, 1024, 1).decision.step, Step::kCancel);
}

TEST(FreezePolicy, WhoeverFitsIsNotSlowed) {
  EXPECT_EQ(play_slowed(FreezePolicy({}, 80), 0.2, 1024, 1).decision.throttle, 0);
  EXPECT_EQ(play_slowed(FreezePolicy({2000, {}}, 80), 2, 1024, 1).decision.throttle, 0) << "its pause is not too long";
}

TEST(FreezePolicy, WithoutLeaveNobodyIsSlowed) { EXPECT_EQ(play_slowed(FreezePolicy({}), 2, 1024, 1).decision.throttle, 0); }

// The state alone takes longer than the limit: rounds cannot help, and none are wasted.
TEST(FreezePolicy, ALimitBelowTheStatesOwnCostIsSaid) {
  FreezePolicy policy({20, {}});
  const auto decision = policy.next(outlook(1, 1000));
  EXPECT_EQ(decision.step, Step::kFreeze);
  EXPECT_NE(decision.why.find("state"), std::string::npos) << decision.why;
}

TEST(FreezePolicy, WhoseStateAloneTakesTooLongIsNotSlowed) {
  FreezePolicy policy({20, {}}, 80);
  for (int round = 1;; ++round) {
    ASSERT_LE(round, 5);
    const auto decision = policy.next(outlook(10, 15));  // it writes ten again while ten are sent
    EXPECT_EQ(decision.throttle, 0);
    if (decision.step == Step::kCopy) continue;
    EXPECT_EQ(decision.step, Step::kFreeze);
    EXPECT_NE(decision.why.find("state"), std::string::npos) << decision.why;
    break;
  }
}

TEST(FreezePolicy, AWorkingSetThatBreathesGetsPatience) {
  FreezePolicy policy({});
  EXPECT_EQ(policy.next(outlook(200, 1000)).step, Step::kCopy);
  EXPECT_EQ(policy.next(outlook(210, 1000)).step, Step::kCopy);
  EXPECT_EQ(policy.next(outlook(205, 1000)).step, Step::kCopy);
  EXPECT_EQ(policy.next(outlook(60, 1000)).step, Step::kCopy) << "progress after all";
}

TEST(FreezePolicy, EndsWhateverTheNumbersAre) {
  FreezePolicy policy({});
  uint64_t dirty = 1 << 20;
  int rounds = 0;
  while (policy.next(outlook(dirty, 1)).step == Step::kCopy && rounds < 1000) {
    dirty = dirty * 8 / 10;  // always just a little better
    ++rounds;
  }
  EXPECT_LE(rounds, kMostRounds);
}

}  // namespace
}  // namespace ferry::migration
