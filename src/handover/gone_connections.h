// SPDX-License-Identifier: Apache-2.0
//
// Connections that are no more at the workload's end, and whose peers do not know it. A peer that sends something is told by a reset;
// one that waits for an answer would wait for ever. So each is made to send something: to a SYN on an open connection a TCP answers with
// what it expects next (RFC 5961, 4.2), and what is answered to that is the reset. Nobody has to know any sequence number.
#pragma once

#include <vector>

#include "kernel/netlink.h"

namespace ferry::handover {

struct Flow {
  kernel::IpAddr local, remote;
  uint16_t local_port = 0, remote_port = 0;
};

// In the workload's network namespace, by its link there, when its port is open. Throws SysError.
void tell_peers(int netns, const std::string& link, const std::vector<Flow>& gone);

}  // namespace ferry::handover
