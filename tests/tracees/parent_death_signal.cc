// SPDX-License-Identifier: Apache-2.0
//
// The signal that a task has asked for when its parent dies comes when it dies after the move.
#include <sys/prctl.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  int ends[2];
  must(::pipe(ends));
  const pid_t middle = fork_prepared([&](auto prepared) {
    (void)fork_prepared([&](auto leaf_prepared) {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR2);
      must(::sigprocmask(SIG_BLOCK, &set, nullptr));
      must(::prctl(PR_SET_PDEATHSIG, SIGUSR2));
      leaf_prepared();
      wait_for_go();
      const timespec limit{10, 0};
      require_equal(::sigtimedwait(&set, nullptr, &limit), SIGUSR2, "the signal at the parent's death");
      require_equal(::write(ends[1], "told", 4), 4, "write");
    });
    prepared();
    wait_for_go();
    sleep_ns(kSlack_ns);
  });
  ::close(ends[1]);
  ready_and_wait();
  expect_exit(middle);
  require(read_some(ends[0]) == "told", "the word of the child");
  return pass();
}
