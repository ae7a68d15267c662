// SPDX-License-Identifier: Apache-2.0
#include "lab/life.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace ferry::lab {

LifeTie::LifeTie() : parent_(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))) {
  if (!parent_) throw base::SysError("pidfd_open", errno, "ourselves");
}

void LifeTie::hold() const {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) throw base::SysError("prctl", errno, "PR_SET_PDEATHSIG");
  // A parent that died before the line above leaves no signal, but its pidfd is readable then.
  if (base::wait_readable(parent_.get(), 0)) ::_exit(128 + SIGKILL);
}

}  // namespace ferry::lab
