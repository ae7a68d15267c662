// SPDX-License-Identifier: Apache-2.0
//
// Slows a workload that writes faster than its memory can be copied, as QEMU's auto-converge does a guest: its cgroup is
// frozen and thawed in turns, so it gets less CPU, whatever it does with it. Works with either version of cgroups and
// needs no controller but the freezer; nothing has to be put back but "frozen".
//
// The object's life is the state, on a thread of its own: its end leaves the workload thawed. When this process is killed in the
// moment of a stop, the move's guard thaws it, as it does after any move that was cut off (departure.h).
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "kernel/freezer.h"

namespace ferry::migration {

class Throttle {
 public:
  // More than this, and it would not come to run at all.
  static constexpr int kMostPercent = 95;
  // It runs for at least so long, then it is stopped. Were it shorter, too much of its time would be lost with freezing (0.3 ms).
  static constexpr base::milliseconds kRuns{5};
  // Less than the usual limit of the pause itself, also after a run that was longer.
  static constexpr base::milliseconds kLongestStop{95};

  // `freezer` holds all of the workload's tasks and outlives this.
  explicit Throttle(const kernel::Freezer& freezer);
  ~Throttle();
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  // So much of its time it is stopped from now on; 0 to kMostPercent.
  void set(int percent);
  // While the result lives it runs: for those who must stop it in other ways, or need it to move. Waits for the end of a stop.
  [[nodiscard]] std::unique_lock<std::mutex> hold_off();

  double stopped_ms() const { return static_cast<double>(stopped_ns_) / 1e6; }  // so far, all stops together

 private:
  void run();
  void stop();
  int percent();

  const kernel::Freezer& freezer_;
  std::mutex running_;  // held while it is stopped
  std::mutex mutex_;    // of what follows
  std::condition_variable changed_;
  int percent_ = 0;
  bool end_ = false;
  std::atomic<int64_t> stopped_ns_ = 0;
  base::MonoTime runs_since_{};  // the thread's own
  std::thread thread_;
};

}  // namespace ferry::migration
