// SPDX-License-Identifier: Apache-2.0
//
// Running a few system calls inside another task, which neither notices nor keeps anything of it. Every thread that
// shares the task's descriptors is stopped meanwhile (a fork would copy ours), its seccomp filters are suspended, and
// a system call that the stop interrupted goes on as after any stop.
//
// All of it is done by a small process of its own that is forked for the purpose, blocks all signals and ends by
// itself: whatever happens to the caller, the task gets its registers back. Root, or the task's own user where ptrace
// allows it; a task under seccomp needs CAP_SYS_ADMIN.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::kernel {

enum class Injected {
  kDone,
  kGone,       // the task has ended, or is a zombie
  kTraced,     // somebody else traces it (gdb, strace)
  kBusy,       // a thread did not stop in time (uninterruptible wait, a parent in vfork): try again later
  kForbidden,  // ptrace is not allowed to us
  kForeign,    // not a program of this machine's own word size
  kRefused,    // the system call itself failed: `error`
};
const char* to_string(Injected outcome);

struct Injection {
  Injected outcome = Injected::kGone;
  int error = 0;          // errno of what failed
  std::string why;        // for a reader: "thread 4243 did not stop within 100 ms"; empty when done
  double stopped_ms = 0;  // how long the task stood still
};

struct UserfaultfdMade : Injection {
  base::Fd fd;  // of the task's address space, no handshake done; close-on-exec, non-blocking; not open in the task
};

// How long all threads may take to stop before the task is let go again, untouched.
inline constexpr std::chrono::milliseconds kStopLimit{100};

// userfaultfd(2) with UFFD_USER_MODE_ONLY, which needs no privilege of the task. A job-control stop stays one.
UserfaultfdMade make_userfaultfd(pid_t pid, std::chrono::milliseconds stop_limit = kStopLimit);

// Closes descriptors of the task, in the task. One that is not open is none of our concern.
Injection close_in(pid_t pid, const std::vector<int>& descriptors,
                   std::chrono::milliseconds stop_limit = kStopLimit);

}  // namespace ferry::kernel
