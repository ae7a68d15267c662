// SPDX-License-Identifier: Apache-2.0
//
// The working directory: relative names mean what they meant.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::chdir(directory.c_str()));
  const int opened = static_cast<int>(must(::open(".", O_RDONLY | O_DIRECTORY)));
  ready_and_wait();
  char name[4096];
  require(::getcwd(name, sizeof name) != nullptr && directory == name, "getcwd");
  require(::access("go", F_OK) == 0, "a relative name");
  require(::faccessat(opened, "go", F_OK, 0) == 0, "relative to an open directory");
  return pass();
}
