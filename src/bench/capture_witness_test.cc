// SPDX-License-Identifier: Apache-2.0
#include "bench/capture_witness.h"

#include <gtest/gtest.h>

#include "bench/client_view.h"

namespace ferry::bench {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 1'795'860'060'000'000'000;

TEST(CaptureWitness, ReadsWhatTsharkSays) {
  const auto found = parse_odd_segments(
      "1795860060.000000000\t0\t1\t\n"
      "1795860060.123456000\tFalse\t\t1\n"
      "1795860061.000000001\t1\t\t\n"
      "1795860061.000000002\tTrue\tThis frame is a (suspected) retransmission\t1\n"
      "Running as user \"root\" and group \"root\".\n");
  const std::vector<OddSegment> expected = {{kStart, false, true, false},
                                            {kStart + 123'456'000, false, false, true},
                                            {kStart + 1'000'000'001, true, false, false},
                                            {kStart + 1'000'000'002, true, true, true}};
  EXPECT_EQ(found, expected);
}

Window a_move() {
  Window window;
  window.started_ns = kStart;
  window.frozen_ns = kStart + 500 * kMs;
  window.resumed_ns = kStart + 750 * kMs;
  window.ended_ns = kStart + 900 * kMs;
  return window;
}

OddSegment repeated(int64_t ms) { return {kStart + ms * kMs, false, true, false}; }
OddSegment had_already(int64_t ms) { return {kStart + ms * kMs, false, false, true}; }
OddSegment reset(int64_t ms) { return {kStart + ms * kMs, true, false, false}; }

TEST(CaptureWitness, WhatThePauseExplains) {
  report::Move move;
  add_capture_view(move, {repeated(700), repeated(710), had_already(755), had_already(756)}, a_move());
  EXPECT_EQ(move.captured_resets, 0u);
  EXPECT_EQ(move.retransmissions, 2u);
  EXPECT_EQ(move.unexplained_retransmissions, 0u);
}

TEST(CaptureWitness, WhatWasLost) {
  report::Move move;
  add_capture_view(move, {repeated(700), repeated(710), had_already(756), reset(1'000)}, a_move());
  EXPECT_EQ(move.captured_resets, 1u);
  EXPECT_EQ(move.unexplained_retransmissions, 1u);
}

TEST(CaptureWitness, BeforeTheFreezeNothingIsLostEither) {
  report::Move move;
  add_capture_view(move, {repeated(400), had_already(401), repeated(450), repeated(700), had_already(755)}, a_move());
  EXPECT_EQ(move.retransmissions, 3u);
  EXPECT_EQ(move.unexplained_retransmissions, 1u);
}

TEST(CaptureWitness, OthersAreOtherMoves) {
  report::Move move;
  add_capture_view(move, {reset(-1), repeated(-1), repeated(1'500), reset(1'500)}, a_move());
  EXPECT_EQ(move.captured_resets, 0u);
  EXPECT_EQ(move.retransmissions, 0u);
}

}  // namespace
}  // namespace ferry::bench
