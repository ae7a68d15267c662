// SPDX-License-Identifier: Apache-2.0
#include "kernel/slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "kernel/uapi.h"

namespace ferry::kernel {

namespace {
// The longest and the shortest that the kernel takes; usual are 3 ms.
constexpr uint64_t kLongestSlice_ns = 100'000'000, kShortestSlice_ns = 100'000;

void set_slice(uint64_t slice_ns) {
  ThreadSchedule schedule{};
  if (::syscall(SYS_sched_getattr, 0, &schedule, sizeof schedule, 0) != 0 ||
      schedule.policy != SCHED_OTHER)
    return;
  schedule.slice_ns = slice_ns;
  if (::syscall(SYS_sched_setattr, 0, &schedule, 0) != 0)
    base::log("sched_setattr: {}", std::strerror(errno));
}

}  // namespace

void give_way_at_once() { set_slice(kLongestSlice_ns); }

void run_on_time() {
  const sched_param lowest{.sched_priority = 1};
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) != 0)
    set_slice(kShortestSlice_ns);
}

void run_as_usual() {
  const ThreadSchedule usual{};  // SCHED_OTHER, and the kernel's own slice
  if (::syscall(SYS_sched_setattr, 0, &usual, 0) != 0)
    base::log("sched_setattr: {}", std::strerror(errno));
}

}  // namespace ferry::kernel
