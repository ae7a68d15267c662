// SPDX-License-Identifier: Apache-2.0
//
// A bound on what several senders together put on a link (`--bandwidth`): a token bucket. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace ferry::transport {

class Pace {
 public:
  // 0: as fast as it goes.
  explicit Pace(uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  // Takes its turn: returns when so many bytes may go out. Never longer than they take at the rate, plus those before them.
  void wait(uint64_t bytes);
  uint64_t bytes_per_second() const { return bytes_per_second_; }

 private:
  const uint64_t bytes_per_second_;
  std::mutex mutex_;
  base::MonoTime free_at_{};  // when what has been let through so far is on its way
};

}  // namespace ferry::transport
