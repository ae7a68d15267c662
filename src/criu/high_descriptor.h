// SPDX-License-Identifier: Apache-2.0
//
// For what is loaded into CRIU: descriptors that must not be in the way of those that CRIU restores.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "criu/held_uffd_place.h"
#include "criu/raw_syscall.h"

namespace ferry::criu {

// A copy from kFirstHeldFd on; -errno. The limit that CRIU runs with is mostly 1024; that of the task is set later, and holds for new
// descriptors only.
inline long copy_up(long fd) {
  const auto copy = [fd] { return raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kFirstHeldFd); };
  const long within_limit = copy();
  if (within_limit != -EINVAL && within_limit != -EMFILE) return within_limit;
  rlimit limit{};
  if (is_error(raw(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit))) return -EMFILE;
  const rlimit highest{limit.rlim_max, limit.rlim_max};
  raw(SYS_prlimit64, 0, RLIMIT_NOFILE, &highest, nullptr);
  const long past_limit = copy();
  raw(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, nullptr);
  return past_limit;
}

}  // namespace ferry::criu
