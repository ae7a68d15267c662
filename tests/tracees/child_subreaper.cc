// SPDX-License-Identifier: Apache-2.0
//
// A child subreaper still gets the orphans below it.
#include <sys/prctl.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::prctl(PR_SET_CHILD_SUBREAPER, 1));
  const pid_t middle = fork_prepared([](auto prepared) {
    const pid_t reaper = ::getppid();
    (void)fork_prepared([reaper](auto leaf_prepared) {
      leaf_prepared();
      wait_for_go();
      while (::getppid() != reaper) sleep_ns(kPoll_ns);
      ::_exit(9);
    });
    prepared();
    wait_for_go();
  });
  ready_and_wait();
  expect_exit(middle);
  int reaper = 0, status = 0;
  must(::prctl(PR_GET_CHILD_SUBREAPER, &reaper));
  require_equal(reaper, 1, "the flag");
  must(::waitpid(-1, &status, 0));
  require(WIFEXITED(status) && WEXITSTATUS(status) == 9, "the orphan is ours");
  return pass();
}
