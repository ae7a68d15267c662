// SPDX-License-Identifier: Apache-2.0
//
// Children that have ended and that nobody has waited for yet.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const pid_t exited = static_cast<pid_t>(must(::fork()));
  if (exited == 0) ::_exit(7);
  const pid_t killed = static_cast<pid_t>(must(::fork()));
  if (killed == 0) {
    ::pause();
    ::_exit(0);
  }
  must(::kill(killed, SIGTERM));
  siginfo_t info{};
  for (const pid_t child : {exited, killed}) {
    must(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT));
  }

  ready_and_wait();
  expect_exit(exited, 7);
  int status = 0;
  require_equal(::waitpid(killed, &status, 0), killed, "waitpid");
  require(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "the signal that killed it");
  return pass();
}
