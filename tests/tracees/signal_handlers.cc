// SPDX-License-Identifier: Apache-2.0
//
// What is done at each signal: handlers with flags and masks, ignored ones; and the thread's mask.
#include "tracee.h"

namespace {
volatile sig_atomic_t value = 0;
void handle(int, siginfo_t* info, void*) { value = info->si_value.sival_int; }
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER;
  sigaddset(&action.sa_mask, SIGHUP);
  must(::sigaction(SIGRTMIN + 3, &action, nullptr));
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGWINCH);
  must(::sigprocmask(SIG_SETMASK, &mask, nullptr));

  ready_and_wait();
  struct sigaction now {};
  must(::sigaction(SIGRTMIN + 3, nullptr, &now));
  require(now.sa_sigaction == handle, "the handler");
  constexpr int kRestorer = 0x04000000;  // the C library adds it
  require_equal(now.sa_flags & ~kRestorer, action.sa_flags, "its flags");
  require(sigismember(&now.sa_mask, SIGHUP) == 1 && sigismember(&now.sa_mask, SIGINT) == 0, "its mask");
  must(::sigaction(SIGPIPE, nullptr, &now));
  require(now.sa_handler == SIG_IGN, "the ignored signal");
  must(::sigaction(SIGTERM, nullptr, &now));
  require(now.sa_handler == SIG_DFL, "the signal that nobody touched");
  must(::sigprocmask(SIG_SETMASK, nullptr, &mask));
  require(sigismember(&mask, SIGWINCH) == 1 && sigismember(&mask, SIGHUP) == 0, "the mask");
  must(::sigqueue(::getpid(), SIGRTMIN + 3, sigval{42}));
  require_equal(value, 42, "what the handler got");
  return pass();
}
