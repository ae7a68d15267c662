// SPDX-License-Identifier: Apache-2.0
//
// Of a workload whose link is a veth: open while its host end is a port of the bridge.
#pragma once

#include "handover/own_link_gate.h"

namespace ferry::handover {

class PortGate : public OwnLinkGate {
 public:
  PortGate(Port port, Identity identity, std::function<base::Fd()> netns)
      : OwnLinkGate(std::move(identity), std::move(netns)), port_(std::move(port)) {}

  void shut() override { port_.shut(); }
  void open() override { port_.open(); }

 private:
  Port port_;
};

}  // namespace ferry::handover
