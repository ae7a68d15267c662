// SPDX-License-Identifier: Apache-2.0
//
// Of a workload whose link is a macvlan, which has no end on the host that could be shut: open
// while there is no barrier in its network namespace.
#pragma once

#include "handover/network_barrier.h"
#include "handover/own_link_gate.h"

namespace ferry::handover {

class MacvlanGate : public OwnLinkGate {
 public:
  MacvlanGate(Identity identity, std::function<base::Fd()> netns)
      : OwnLinkGate(std::move(identity), std::move(netns)) {}

  void shut() override { barrier().shut(); }
  void open() override { barrier().open(); }
  void get_ready() override {
    OwnLinkGate::get_ready();
    (void)barrier();
  }

 private:
  NetworkBarrier& barrier() {
    if (!barrier_) barrier_.emplace(open_network().get());
    return *barrier_;
  }
  std::optional<NetworkBarrier> barrier_;
};

}  // namespace ferry::handover
