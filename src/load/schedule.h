// SPDX-License-Identifier: Apache-2.0
//
// When each request is due. Computed from the number of the request, not from the one before it, so
// that no error adds up over a long run, and not from when answers came: that is what makes the
// loop open.
#pragma once

#include <chrono>
#include <cstdint>

namespace ferry::load {

class Schedule {
 public:
  Schedule(double rate, std::chrono::nanoseconds duration)
      : interval_ns_(1e9L / rate),
        count_(static_cast<uint64_t>(static_cast<long double>(duration.count()) / interval_ns_)) {
    if (count_ == 0) count_ = 1;
  }

  // Requests in all; at least one.
  uint64_t count() const { return count_; }
  // After the start of the run.
  int64_t due_ns(uint64_t number) const {
    return static_cast<int64_t>(static_cast<long double>(number) * interval_ns_);
  }

 private:
  long double interval_ns_;
  uint64_t count_;
};

}  // namespace ferry::load
