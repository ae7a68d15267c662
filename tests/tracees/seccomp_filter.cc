// SPDX-License-Identifier: Apache-2.0
//
// Seccomp filters, two stacked and one of a thread only, are still in force.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <thread>

#include "tracee.h"

namespace {
// The system call fails with that error from now on, in this thread.
void forbid(uint32_t number, uint32_t error) {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{4, code};
  must(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}
int error_of(long number) { return ::syscall(number, -1, 0, 0) == -1 ? errno : 0; }
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  forbid(SYS_personality, EXDEV);
  bool prepared = false;
  std::thread thread([&] {
    forbid(SYS_dup, EXFULL);
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
    wait_for_go();
    require_equal(error_of(SYS_dup), EXFULL, "the thread's own filter");
    require_equal(error_of(SYS_personality), EXDEV, "the filter that it inherited");
  });
  while (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE)) sleep_ns(kPoll_ns);
  forbid(SYS_getpgid, EREMOTE);

  ready_and_wait();
  require_equal(::prctl(PR_GET_SECCOMP), SECCOMP_MODE_FILTER, "the mode");
  require_equal(error_of(SYS_personality), EXDEV, "the first filter");
  require_equal(error_of(SYS_getpgid), EREMOTE, "the second filter");
  require_equal(error_of(SYS_dup), EBADF, "the thread's filter is not ours");
  thread.join();
  return pass();
}
