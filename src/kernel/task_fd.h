// SPDX-License-Identifier: Apache-2.0
//
// Descriptors of another task: what only the open file itself can say.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>

#include "base/fd.h"

namespace ferry::kernel {

// The same open file as a descriptor of our own; an empty one when it has gone.
class TaskFds {
 public:
  explicit TaskFds(pid_t pid);
  base::Fd copy(int fd) const;

 private:
  base::Fd process_;
};
inline base::Fd copy_descriptor(pid_t pid, int fd) { return TaskFds(pid).copy(fd); }

struct TimerState {
  uint64_t expirations = 0;  // that nobody has read
  timespec left{};           // until the next one; zero: disarmed
};
// Of a timerfd. Being asked brings a repeating one that has expired up to date (fs/timerfd.c, do_timerfd_gettime): the workload sees
// no difference. Nothing when it is no timerfd, or has gone.
std::optional<TimerState> ask_timer(pid_t pid, int fd);

// An eventfd that gives one at a time (EFD_SEMAPHORE); told since Linux 6.5.
bool is_semaphore(pid_t pid, int fd);

}  // namespace ferry::kernel
