// SPDX-License-Identifier: Apache-2.0
//
// A seccomp filter about userfaultfd(2), as container engines have, in a process that writes while it moves.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>

#include "pages.h"

namespace tracee {

// Who asks for a userfaultfd gets `action`. The filter is there still after the move: `check` shows it.
inline int write_under_filter(uint32_t action, void (*check)()) {
  constexpr size_t kPages = 2048;
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(sizeof filter / sizeof filter[0]), filter};
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  must(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
  const Region region(kPages);
  region.write_all();
  Meanwhile writer([&](Random& random) { region.rewrite(random() % kPages); });
  ready_and_wait();
  writer.stop();
  region.check();
  check();
  return pass();
}

}  // namespace tracee
