// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is; does something only in a restore for
// which ferry has set kHoldVariable.
//
// A task that CRIU restores makes its userfaultfd itself, after it has opened all of its own files
// and before the restorer takes over (criu/uffd.c: setup_uffd). CRIU sends it to the filler and
// closes it when all areas are registered; the copy that is made here stays until ferry closes it,
// or the task executes another program.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "criu/held_uffd_place.h"
#include "criu/high_descriptor.h"
#include "criu/premapped_place.h"
#include "criu/raw_syscall.h"

namespace ferry::criu {
namespace {

// With these CRIU makes those of tasks; that by which it probes the kernel has none.
constexpr long kFlagsInTask = O_CLOEXEC | O_NONBLOCK;

}  // namespace

long hold_userfaultfd(long fd, long flags) {
  if (is_error(fd) || flags != kFlagsInTask || getenv(kHoldVariable) == nullptr) return fd;
  end_premapping();
  const long copy = copy_up(fd);
  if (!is_error(copy)) return fd;
  raw(SYS_close, fd);
  return copy;
}

}  // namespace ferry::criu
