// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"

namespace ferry::cli {

Interrupt::Interrupt() {
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGHUP);  // the terminal was closed: nothing may be left half done
  sigaddset(&watched, SIGQUIT);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  fd_ = base::Fd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw base::SysError("signalfd", errno, "");
}

bool Interrupt::has_come() const { return base::wait_readable(fd_.get(), 0); }

void require_root(const char* verb) {
  if (::geteuid() == 0) return;
  base::refuse(std::string("cannot ") + verb, "namespaces, cgroups and CRIU need root", "run it as root (sudo)");
}

}  // namespace ferry::cli
