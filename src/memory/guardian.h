// SPDX-License-Identifier: Apache-2.0
//
// A userfaultfd that closes while pages are missing turns them into zeros. So, until all is in
// place, every one of them is held by two processes with one table of descriptors (CLONE_FILES),
// which a fork's new userfaultfd is in for both as soon as the kernel has made it: the filler, and
// the guardian, which only waits for the filler's death to start another. A filler whose guardian
// dies starts another, too. Should both be killed at once, the workload's own copies of the
// descriptors keep it from running on with zeros: it blocks.
//
// Both come from a program freshly started (`ferry fill`): a process with threads could not be
// cloned like this.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>

#include "memory/arrivals.h"
#include "memory/premapped.h"

namespace ferry::memory {

struct FillHooks {
  // From the listener and what an earlier filler had received (criu/lazy_pages_socket.h).
  std::function<std::unique_ptr<Arrivals>(int listener, Keepsake& keepsake)> arrivals;
  // What a task has said at that listener. Does not block; nothing: it was not understood.
  std::function<std::optional<Premapping>(int listener)> premapping;
  // All is in place and nothing is registered any more: closes the copies of the userfaultfd that
  // the task holds. Returns false when it has to be tried again (a thread does not stop). May be
  // called twice for a task.
  std::function<bool(int32_t pid, pid_t host_pid)> close_copies;
};

// Becomes the guardian; returns (in the guardian, the exit code of the program) when all is settled
// or lost. The process has one thread.
int run_guardian(int state_fd, const FillHooks& hooks);

}  // namespace ferry::memory
