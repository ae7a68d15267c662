// SPDX-License-Identifier: Apache-2.0
//
// TCP sockets that a dead CRIU left in repair mode: traffic goes on, but a later close sends nothing, so the peer never
// learns of it.
#pragma once

#include <sys/types.h>

namespace ferry::kernel {

// Takes every TCP socket of the task out of TCP_REPAIR. Turning repair off clears SO_REUSEADDR (net/ipv4/tcp.c), which CRIU would
// have restored; it is set again, as servers have it. A task that has gone is fine.
void end_tcp_repair(pid_t pid);

}  // namespace ferry::kernel
