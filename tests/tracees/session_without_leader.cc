// SPDX-License-Identifier: Apache-2.0
//
// A process in a session whose leader has ended.
#include <sys/prctl.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::prctl(PR_SET_CHILD_SUBREAPER, 1));
  pid_t session = 0, left = 0;
  const pid_t leader = fork_prepared([](auto prepared) {
    const pid_t self = static_cast<pid_t>(must(::setsid()));
    (void)fork_prepared([self](auto inside_prepared) {
      inside_prepared();
      wait_for_go();
      require_equal(::getsid(0), self, "the session");
      require_equal(::getpgrp(), self, "the process group");
    });
    prepared();
  });
  session = leader;
  expect_exit(leader);

  ready_and_wait();
  int status = -1;
  left = static_cast<pid_t>(must(::waitpid(-1, &status, 0)));
  require(left != session && WIFEXITED(status) && WEXITSTATUS(status) == 0, "the process that was left");
  return pass();
}
