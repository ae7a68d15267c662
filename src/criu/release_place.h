// SPDX-License-Identifier: Apache-2.0
//
// Whether tasks that CRIU has restored ever ran, in one byte that outlives CRIU: a file in the directory of the images, which the
// library that CRIU is loaded with maps.
//
// Once it is granted CRIU has its tasks run through breakpoints, unmap its code and enter their own context; then it stands at its
// gate pre-resume, and after that it detaches from one after the other (criu/cr-restore.c: catch_tasks … finalize_restore_detach).
// Up to that gate a CRIU that is killed takes all tasks along (PTRACE_O_EXITKILL of each thread): none has executed an instruction of
// its own, and what it left would die of its breakpoints, or run with its code still in it. From the gate on its death lets all of them
// run: they are whole, and the network may be open to them, so they must not die with their connections.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace ferry::criu {

enum class Release : uint8_t {
  kUnknown,  // no CRIU has come that would change it
  kNotYet,   // CRIU waits at post-restore, or has not come there
  kGranted,  // ferry has answered that: CRIU's death is the tasks'
  kAmidst,   // it changes from one to the other, or something has failed that never should: alive or dead, nobody knows why
  kDone,     // they run, if not yet then when CRIU ends
};

inline constexpr const char* kReleaseVariable = "FERRY_RELEASE";  // the file, in the environment of a restoring CRIU

// In that library: as ptrace(2), but it returns -errno.
long trace_restored(long request, pid_t tid, long address, long data);

}  // namespace ferry::criu
