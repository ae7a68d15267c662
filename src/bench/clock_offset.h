// SPDX-License-Identifier: Apache-2.0
//
// How far another host's CLOCK_REALTIME is ahead of ours, by asking for it and back: the answer
// lies in the middle of the round trip, give or take half of it, and of several the shortest is
// right most.
#pragma once

#include "base/subprocess.h"

namespace ferry::bench {

struct ClockOffset {
  int64_t ahead_ns = 0;
  int64_t round_trip_ns = 0;  // of the best: twice the bound of the error
};

// What is to be run on the other host: answers each line with the time.
base::Argv clock_answerer();
// `answerer`: that, with the way there in front of it. Throws Error.
ClockOffset measure_clock_offset(const base::Argv& answerer);

// The same, of the pairs that were taken: asked and answered by our clock, and what it said.
struct ClockAnswer {
  int64_t asked_ns = 0, said_ns = 0, answered_ns = 0;
};
ClockOffset best_of(const std::vector<ClockAnswer>& answers);

}  // namespace ferry::bench
