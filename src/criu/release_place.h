// SPDX-License-Identifier: Apache-2.0
//
// Whether tasks that CRIU has restored ever ran, in one byte that outlives CRIU: a file in the directory of the images, which the
// library that CRIU is loaded with maps.
//
// Past the last gate CRIU has its tasks run through breakpoints, unmap its code and enter their own context, and then detaches from one
// after the other (criu/cr-restore.c: catch_tasks … finalize_restore_detach). Until the first is let go none has executed an instruction
// of its own, and a CRIU that is killed takes them all along (PTRACE_O_EXITKILL): what it leaves would die of its breakpoints, or
// run with its code still in it. Before the first is let go, that option is taken from all.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace ferry::criu {

enum class Release : uint8_t {
  kNotYet,     // CRIU waits at a gate, or has not come there
  kGranted,    // ferry has answered its last gate: its death is the tasks'
  kAmidst,     // some would die with it, some would run
  kDone,       // they run
};

inline constexpr const char* kReleaseVariable = "FERRY_RELEASE";  // the file, in the environment of a restoring CRIU

// In that library: as ptrace(2), but it returns -errno.
long trace_restored(long request, pid_t tid, long address, long data);

}  // namespace ferry::criu
