// SPDX-License-Identifier: Apache-2.0
//
// A child whose root directory is another one.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const pid_t child = fork_prepared([](auto prepared) {
    must(::chroot(directory.c_str()));
    must(::chdir("/"));
    directory = "";
    prepared();
    wait_for_go();
    require(::access("/proc", F_OK) == -1, "the root is still the other one");
    make_file("new", "made inside");
  });
  ready_and_wait();
  expect_exit(child);
  require(read_whole(path("new")) == "made inside", "what was made inside, seen from outside");
  return pass();
}
