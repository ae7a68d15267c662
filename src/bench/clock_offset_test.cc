// SPDX-License-Identifier: Apache-2.0
#include "bench/clock_offset.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace ferry::bench {
namespace {

TEST(ClockOffset, TheShortestRoundTripIsBelieved) {
  const ClockOffset best =
      best_of({{0, 5'900, 1'000}, {2'000, 7'060, 2'100}, {3'000, 8'500, 3'600}});
  EXPECT_EQ(best.round_trip_ns, 100);
  EXPECT_EQ(best.ahead_ns, 5'010);
}

TEST(ClockOffset, OfOurOwnClockIsNothing) {
  const ClockOffset own = measure_clock_offset(clock_answerer());
  EXPECT_LE(std::abs(own.ahead_ns), own.round_trip_ns / 2 + 1'000);  // bash's clock has µs
}

// A "host" whose bash lives 70 s ahead.
TEST(ClockOffset, OfAClockThatIsAheadIsFound) {
  const std::string there =
      "while read -r; do n=${EPOCHREALTIME/[.,]/}; echo $((n + 70000000)); done";
  const ClockOffset ahead = measure_clock_offset({"bash", "-c", there});
  EXPECT_LE(std::abs(ahead.ahead_ns - 70'000'000'000), ahead.round_trip_ns / 2 + 1'000);
}

TEST(ClockOffset, AHostThatGivesNoAnswerIsAnError) {
  EXPECT_THROW(measure_clock_offset({"true"}), base::Error);
  EXPECT_THROW(measure_clock_offset({"bash", "-c", "while read -r; do echo what; done"}),
               base::Error);
}

}  // namespace
}  // namespace ferry::bench
