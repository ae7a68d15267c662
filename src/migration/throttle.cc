// SPDX-License-Identifier: Apache-2.0
#include "migration/throttle.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "kernel/slice.h"

namespace ferry::migration {

namespace {

// 0.3 ms is usual. A task in the middle of a long disk write is left alone: it writes no memory meanwhile.
constexpr base::milliseconds kThrottleFreezes{100};

}  // namespace

Throttle::Throttle(const kernel::Freezer& freezer) : freezer_(freezer), thread_([this] { run(); }) {}

Throttle::~Throttle() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Throttle::set(int percent) {
  CHECK(percent >= 0 && percent <= kMostPercent);
  const std::lock_guard lock(mutex_);
  percent_ = percent;
  changed_.notify_all();
}

int Throttle::percent() {
  const std::lock_guard lock(mutex_);
  return percent_;
}

std::unique_lock<std::mutex> Throttle::hold_off() { return std::unique_lock(running_); }

void Throttle::run() {
  kernel::run_on_time();  // late, it would let the workload run on
  std::unique_lock lock(mutex_);
  runs_since_ = base::mono_now();
  for (;;) {
    if (percent_ == 0) {
      changed_.wait(lock, [this] { return end_ || percent_ > 0; });
      runs_since_ = base::mono_now();
    }
    // At first, and between any two stops, it runs.
    if (changed_.wait_for(lock, kRuns, [this] { return end_; })) return;
    lock.unlock();
    try {
      stop();
    } catch (const std::exception& failure) {
      base::log("throttle: {}", failure.what());  // the next turn tries again
    }
    lock.lock();
  }
}

// As it runs until all of its tasks are stopped, how long it did is only known then.
void Throttle::stop() {
  const std::lock_guard stopped(running_);
  const int percent = this->percent();  // of now: hold_off() has the last word
  if (percent == 0) return;
  freezer_.freeze(kThrottleFreezes);  // or it is thawed
  const auto began = base::mono_now();
  const auto due = (began - runs_since_) * percent / (100 - percent);
  {
    std::unique_lock lock(mutex_);
    // What is left of a stop at the end would be part of the pause.
    changed_.wait_for(lock, std::min<base::MonoTime::duration>(due, kLongestStop), [this] { return end_; });
  }
  runs_since_ = base::mono_now();
  stopped_ns_ += std::chrono::nanoseconds(runs_since_ - began).count();
  freezer_.thaw();
}

}  // namespace ferry::migration
