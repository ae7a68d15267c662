// SPDX-License-Identifier: Apache-2.0
//
// The lab's network. The switch is a bridge in a network namespace of the supervisor's own; every host has one cable to
// it. A cable is a veth pair; with a delay it is two TAPs and a relay between them (lab/relay.h):
//
//     host: br0 (10.77.0.N, fd00:77::N) ─ eth0 ═══ cable ═══ port-N ─ br0 :switch
//
// The host's address is on a bridge of its own, as usual where workloads have addresses on the same segment.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/netlink.h"
#include "lab/relay.h"
#include "lab/spec.h"

namespace ferry::lab {

// Inside a host: loopback, br0 and its address, eth0 (which is there already) as its port.
void set_up_network(size_t index, uint64_t rate_bytes_per_second);

class Switch {
 public:
  // Moves the calling process (single-threaded) into a new network namespace and makes the bridge there.
  explicit Switch(const LabSpec& spec);
  // Plugs in host number `index`, whose init is `pid`: it has an eth0 afterwards.
  void connect(size_t index, pid_t pid);

 private:
  LabSpec spec_;
  kernel::Netlink netlink_;
  std::vector<std::unique_ptr<Relay>> relays_;
};

}  // namespace ferry::lab
