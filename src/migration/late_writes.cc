// SPDX-License-Identifier: Apache-2.0
#include "migration/late_writes.h"

#include <linux/time_types.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace ferry::migration {

namespace {

constexpr uint64_t kLargest = uint64_t{1} << 56;  // of the addresses of a task, on any machine

// An argument that points to what is written when the call is interrupted.
struct Result {
  long call;
  size_t argument;
  size_t bytes;
};

// Of those that the freezer leaves asleep: kernel/time/hrtimer.c (do_nanosleep), and net/unix/af_unix.c (recvmsg with MSG_WAITALL); not select(2) and
// its like, which it wakes up. After an earlier interruption a sleep is restart_syscall(2), with the arguments that it had: which one of the two it was the kernel does not tell.
constexpr Result kResults[] = {
    {SYS_nanosleep, 1, sizeof(__kernel_timespec)},
    {SYS_clock_nanosleep, 3, sizeof(__kernel_timespec)},
    {SYS_restart_syscall, 1, sizeof(__kernel_timespec)},
    {SYS_restart_syscall, 3, sizeof(__kernel_timespec)},
    {SYS_recvmsg, 1, sizeof(msghdr)},
};

}  // namespace

memory::PageSet late_writes(std::span<const kernel::CurrentCall> calls) {
  memory::PageSet pages;
  for (const auto& call : calls) {
    for (const auto& result : kResults) {
      const uint64_t at = call.arguments[result.argument];
      if (result.call == call.number && at <= kLargest) pages.insert(memory::pages_around({at, at + result.bytes}));
    }
  }
  return pages;
}

}  // namespace ferry::migration
