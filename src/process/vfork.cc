// SPDX-License-Identifier: Apache-2.0
#include "process/vfork.h"

#include <fmt/format.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/fd.h"
#include "kernel/procfs.h"

namespace ferry::process {
namespace {

constexpr base::milliseconds kPoll{1};

bool share_memory(pid_t one, pid_t other) { return ::syscall(SYS_kcmp, one, other, KCMP_VM, 0, 0) == 0; }

// What makes children. The kernel tells it of tasks that are not running just now.
bool is_in_clone(pid_t tid) {
  const auto text = base::try_read_file(fmt::format("/proc/{}/syscall", tid));
  if (!text || text->empty() || (*text)[0] < '0' || (*text)[0] > '9') return false;
  const long call = std::strtol(text->c_str(), nullptr, 10);
#ifdef SYS_vfork
  if (call == SYS_vfork) return true;
#endif
  return call == SYS_clone || call == SYS_clone3;
}

}  // namespace

std::optional<VforkWait> find_vfork(const std::vector<pid_t>& pids) {
  for (const pid_t child : pids) {
    const auto parent = kernel::parent_of(child);
    if (!parent || std::ranges::find(pids, *parent) == pids.end() || !share_memory(child, *parent)) continue;
    if (std::ranges::any_of(kernel::threads_of(*parent), is_in_clone)) return VforkWait{*parent, child};
  }
  return std::nullopt;
}

std::optional<VforkWait> wait_for_vforks(const std::vector<pid_t>& pids, base::MonoTime deadline) {
  for (;;) {
    const auto waiting = find_vfork(pids);
    if (!waiting || base::mono_now() > deadline) return waiting;
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace ferry::process
