// SPDX-License-Identifier: Apache-2.0
//
// TCP_REPAIR on the sockets of another task: in repair mode a close sends nothing, so the peer does not learn of it.
#pragma once

#include <sys/types.h>

#include <optional>

#include "kernel/netlink.h"

namespace ferry::kernel {

// For a task whose CRIU has died and left them in repair mode. Turning repair off clears SO_REUSEADDR (net/ipv4/tcp.c), which CRIU would
// have restored; it is set again, as servers have it. A task that has gone is fine.
void end_tcp_repair(pid_t pid);
// For a frozen task that is to be killed without its peers' noticing: a closed socket would repeat its FIN for minutes, and keep
// its network namespace alive so long.
// `only`: those of that address.
void begin_tcp_repair(pid_t pid, const std::optional<IpAddr>& only = {});

}  // namespace ferry::kernel
