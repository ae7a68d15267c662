// SPDX-License-Identifier: Apache-2.0
//
// A daemon: its parent has ended, so the capsule's init is its parent now.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  int ends[2];
  must(::pipe(ends));
  const pid_t middle = fork_prepared([&](auto prepared) {
    (void)fork_prepared([&](auto daemon_prepared) {
      must(::setsid());
      daemon_prepared();
      wait_for_go();
      require_equal(::getppid(), 1, "the daemon's parent");
      require_equal(::write(ends[1], "alive", 5), 5, "write");
    });
    prepared();
  });
  expect_exit(middle);
  ::close(ends[1]);

  ready_and_wait();
  if (read_some(ends[0]) != "alive") fail("the daemon is gone");
  return pass();
}
