// SPDX-License-Identifier: Apache-2.0
//
// What lets a workload's packets in on one host, and only there: the place of its link on a bridge
// (port_gate.h), a barrier in its network namespace (macvlan_gate.h), or the service address on an interface of the host and what keeps
// packets from it (address_barrier.h). Shut, no packet reaches the workload's sockets, whatever
// ends this process; a second shut() or open() changes nothing.
#pragma once

namespace ferry::handover {

class Gate {
 public:
  virtual ~Gate() = default;
  virtual void shut() = 0;
  virtual void open() = 0;
  virtual void get_ready() {}  // before a pause, for what follows in it
  virtual void announce() = 0;  // on the segment: it is here
};

}  // namespace ferry::handover
