// SPDX-License-Identifier: Apache-2.0
//
// When to freeze: decided from what the rounds have measured, never from a fixed count. Pure: numbers in, a decision in plain
// words out.
//
//     expected pause = max(dirty pages / throughput, dump) + the rest of the state's cost + what CRIU carries of the memory / a rate
//
// because the last pages travel beside CRIU's dump. The limit is a goal: when more rounds no longer help, the workload is frozen all the
// same and the expected pause is said. The maximum is a promise: a move that would break it is cancelled before the freeze.
//
// Where the user allows it, a workload whose rounds do not shrink is slowed before that, by more and more until they do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ferry::migration {

struct PauseGoal {
  double limit_ms = 100;
  std::optional<double> max_ms;
};

// A workload whose rounds still shrink after thirty shrinks too slowly to be worth the wait.
inline constexpr int kMostRounds = 30;

// What is known after a scan.
struct Outlook {
  uint64_t dirty_bytes = 0;    // not sent yet: written since the scan before, or of tasks that cannot be tracked
  double since_ms = 0;         // since that scan
  double bytes_per_ms = 0;     // of the workload's memory, as the rounds so far were sent; 0: nothing that would tell was sent yet
  double dump_ms = 0;          // of CRIU's dump, expected
  double rest_ms = 0;          // of all else in the pause: images, restore, commit; expected
  uint64_t shared_bytes = 0;  // of memory that tasks share: sent, but to be read once more
};

struct FreezeDecision {
  enum class Step { kCopy, kFreeze, kCancel };
  Step step = Step::kCopy;
  double expected_pause_ms = 0;
  std::string why;  // kFreeze, kCancel: for people
  int throttle = 0;  // from now on the workload is stopped for so many percent of its time
};

class FreezePolicy {
 public:
  // `most_throttle`: in percent; 0: the workload is not slowed.
  explicit FreezePolicy(const PauseGoal& goal, int most_throttle = 0) : goal_(goal), most_throttle_(most_throttle) {}

  // Called after each scan but the first one, which finds all there is.
  FreezeDecision next(const Outlook& outlook);
  static double expected_pause_ms(const Outlook& outlook);

 private:
  FreezeDecision decide(const Outlook& outlook);
  FreezeDecision settle_for(const Outlook& outlook, const std::string& why) const;
  FreezeDecision slow_down(const Outlook& outlook);

  PauseGoal goal_;
  int most_throttle_;
  int throttle_ = 0;
  int rounds_ = 0;
  int without_progress_ = 0;
  std::optional<uint64_t> least_;  // the fewest dirty bytes so far
};

}  // namespace ferry::migration
