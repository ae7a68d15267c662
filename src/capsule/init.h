// SPDX-License-Identifier: Apache-2.0
//
// Pid 1 of a capsule. It reaps, passes SIGTERM on to the workload's root, records how that ended, and goes when
// the last task has gone. Until its maker has launched or adopted a workload it goes with its maker.
#pragma once

#include <sys/types.h>

#include <string>

namespace ferry::capsule {

struct InitOptions {
  std::string name;
  int control_fd = -1;  // SOCK_SEQPACKET to the maker: one request, one answer (capsule/spawn.cc)
  pid_t last_pid = 0;
};
int run_init(const InitOptions& options);  // returns the exit code of the process

}  // namespace ferry::capsule
