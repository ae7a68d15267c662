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
constexpr uint64_t kLongestSlice_ns = 100'000'000;  // that the kernel takes; usual are 3 ms
}

void give_way_at_once() {
  ThreadSchedule schedule{};
  if (::syscall(SYS_sched_getattr, 0, &schedule, sizeof schedule, 0) != 0 ||
      schedule.policy != SCHED_OTHER)
    return;
  schedule.slice_ns = kLongestSlice_ns;
  if (::syscall(SYS_sched_setattr, 0, &schedule, 0) != 0)
    base::log("sched_setattr: {}", std::strerror(errno));
}

}  // namespace ferry::kernel
