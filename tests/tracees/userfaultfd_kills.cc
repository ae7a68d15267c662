// SPDX-License-Identifier: Apache-2.0
//
// A seccomp profile that kills whoever calls userfaultfd(2). Nobody did; who does now is killed.
#include "userfaultfd_filter.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  return write_under_filter(SECCOMP_RET_KILL_PROCESS, [] {
    const pid_t child = static_cast<pid_t>(must(::fork()));
    if (child == 0) {
      ::syscall(SYS_userfaultfd, 0);
      ::_exit(0);
    }
    int status = 0;
    must(::waitpid(child, &status, 0));
    require(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "userfaultfd kills");
  });
}
