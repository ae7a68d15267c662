// SPDX-License-Identifier: Apache-2.0
#include "bench/hand_criu.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

using base::kNsPerMs;

TEST(HandCriu, ReadsTheScriptsStamps) {
  const auto made = made_by_hand(
      "prepare 1000000\ndump 1200000\nscp 1300000\nrestore 1800000\ndone 1900500\n"
      "bytes 4096\nmemory 2048\n",
      900 * kNsPerMs, 2'000 * kNsPerMs, 50 * kNsPerMs);
  EXPECT_TRUE(made.moved());
  EXPECT_EQ(made.frozen_ns, 1'150 * kNsPerMs);
  EXPECT_EQ(made.resumed_ns, 1'850 * kNsPerMs + kNsPerMs / 2);
  EXPECT_EQ(made.move.bytes_sent, 4096u);
  EXPECT_EQ(made.move.memory_bytes, 2048u);
  EXPECT_EQ(made.move.total_ms, 1'100);
  EXPECT_FALSE(made.move.frozen_ms);  // nobody but ferry has clocks for that
  ASSERT_EQ(made.move.phases.size(), 4u);
  EXPECT_EQ(made.move.phases[1].name, "dump");
  EXPECT_DOUBLE_EQ(made.move.phases[1].start_ms, 250);
  EXPECT_DOUBLE_EQ(made.move.phases[1].ms, 100);
  EXPECT_TRUE(made.move.phases[1].frozen);
  EXPECT_FALSE(made.move.phases[0].frozen);
  EXPECT_DOUBLE_EQ(made.move.phases[3].ms, 100.5);
}

TEST(HandCriu, WhatIsPulledAfterwardsIsNoPause) {
  const auto made = made_by_hand(
      "prepare 1000000\ndump 1200000\nrestore 1300000\nsettle 1400000\n"
      "done 1900000\n",
      900 * kNsPerMs, 2'000 * kNsPerMs, 0);
  EXPECT_TRUE(made.moved());
  EXPECT_EQ(made.resumed_ns, 1'400 * kNsPerMs);
  EXPECT_DOUBLE_EQ(made.move.settle_ms.value(), 500);
  EXPECT_FALSE(made.move.phases.back().frozen);
  EXPECT_FALSE(made.move.bytes_sent);
}

TEST(HandCriu, WithoutItsEndItHasFailed) {
  const auto made = made_by_hand("prepare 1000000\ndump 1200000\nError (criu/x.c:1): no\n",
                                 900 * kNsPerMs, 2'000 * kNsPerMs, 0);
  EXPECT_FALSE(made.moved());
  EXPECT_EQ(made.frozen_ns, 0);
  EXPECT_FALSE(made_by_hand("", 0, 1, 0).moved());
}

TEST(HandCriu, ComplaintsAreOneLineWithoutStampsAndLogs) {
  EXPECT_EQ(complaint("dump 17958\nCRIU says: no\n", "\ncriu failed\nlog file: /run/x/restore.log: unknown\n"),
            "CRIU says: no; criu failed");
  EXPECT_EQ(complaint("", "criu failed: type NOTIFY errno 0 path= /run/x/criu-dump.log: unknown\n"),
            "criu failed: type NOTIFY errno 0");
  EXPECT_EQ(complaint("dump 17958\n", ""), "it says nothing");
}

}  // namespace
}  // namespace ferry::bench
