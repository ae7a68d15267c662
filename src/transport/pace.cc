// SPDX-License-Identifier: Apache-2.0
#include "transport/pace.h"

#include <algorithm>
#include <thread>

namespace ferry::transport {

namespace {

// What may go out at once after an idle time: long enough for a sleep's inaccuracy, too short for anyone to notice on the link.
constexpr base::milliseconds kBurst{5};

}  // namespace

void Pace::wait(uint64_t bytes) {
  if (bytes_per_second_ == 0) return;
  const auto takes = base::nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(bytes) / static_cast<double>(bytes_per_second_)));
  base::MonoTime turn;
  {
    const std::lock_guard lock(mutex_);
    turn = std::max(free_at_, base::mono_now() - kBurst);
    free_at_ = turn + takes;
  }
  std::this_thread::sleep_until(turn);
}

}  // namespace ferry::transport
