// SPDX-License-Identifier: Apache-2.0
#include "lab/foreground.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::lab {

using base::SysError;

namespace {

constexpr auto kPatience = std::chrono::seconds(3);  // between SIGTERM and SIGKILL

sigset_t passed_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
  return set;
}

}  // namespace

Foreground::Foreground() {
  const sigset_t set = passed_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw SysError("signalfd", errno, "");
}

Foreground::~Foreground() {
  const sigset_t set = passed_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void Foreground::pass_on(const base::Child& child) {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const bool from_terminal = info.ssi_code == SI_KERNEL;
    if (!from_terminal) child.signal(static_cast<int>(info.ssi_signo));
  }
}

int Foreground::wait_for(base::Child& child, int ends) {
  const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)));
  if (!pidfd) throw SysError("pidfd_open", errno, std::to_string(child.pid()));
  base::MonoTime deadline{};
  for (;;) {
    pollfd entries[3] = {{pidfd.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {ends, POLLIN, 0}};
    const int limit_ms = ends == -1 && deadline != base::MonoTime{} ? base::ms_until(deadline) : -1;
    const int ready = ::poll(entries, 3, limit_ms);
    if (ready < 0 && errno != EINTR) throw SysError("poll", errno, "");
    if (ready == 0) child.signal(SIGKILL), deadline = {};
    if (ready <= 0) continue;
    if (entries[0].revents != 0) return base::exit_code(child.wait());
    if (entries[1].revents != 0) pass_on(child);
    if (entries[2].revents != 0) {
      child.signal(SIGTERM);
      deadline = base::mono_now() + kPatience;
      ends = -1;
    }
  }
}

}  // namespace ferry::lab
