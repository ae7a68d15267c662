// SPDX-License-Identifier: Apache-2.0
//
// A seccomp profile that denies userfaultfd(2), as docker's does; it holds on.
#include "userfaultfd_filter.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  return write_under_filter(SECCOMP_RET_ERRNO | EPERM, [] {
    require(::syscall(SYS_userfaultfd, 0) == -1 && errno == EPERM, "userfaultfd is denied");
  });
}
