// SPDX-License-Identifier: Apache-2.0
#include "kernel/ready_breakpoints.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ferry::kernel {

ReadyBreakpoints::ReadyBreakpoints() {
  perf_event_attr what{};
  what.size = sizeof what;
  what.type = PERF_TYPE_SOFTWARE;
  what.config = PERF_COUNT_SW_DUMMY;
  what.disabled = 1;
  what.exclude_kernel = 1;
  event_ = base::Fd(static_cast<int>(::syscall(SYS_perf_event_open, &what, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace ferry::kernel
