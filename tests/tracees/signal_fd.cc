// SPDX-License-Identifier: Apache-2.0
//
// A signalfd with a signal waiting.
#include <sys/signalfd.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  must(::sigprocmask(SIG_BLOCK, &set, nullptr));
  const int fd = static_cast<int>(must(::signalfd(-1, &set, SFD_NONBLOCK)));
  must(::kill(::getpid(), SIGUSR1));
  ready_and_wait();
  signalfd_siginfo info{};
  for (int round : {1, 2}) {
    require_equal(::read(fd, &info, sizeof info), sizeof info, "read " + std::to_string(round));
    require_equal(info.ssi_signo, SIGUSR1, "the signal");
    must(::kill(::getpid(), SIGUSR1));
  }
  return pass();
}
