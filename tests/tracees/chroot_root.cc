// SPDX-License-Identifier: Apache-2.0
//
// The root task itself has another root directory.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::chroot(directory.c_str()));
  must(::chdir("/"));
  directory = "";
  ready_and_wait();
  require(::access("/proc", F_OK) == -1, "the root is still the other one");
  make_file("new", "made inside");
  return pass();
}
