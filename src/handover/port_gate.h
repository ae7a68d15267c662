// SPDX-License-Identifier: Apache-2.0
//
// Of a workload with an address of its own: open while its link is a port of the bridge.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "handover/gate.h"
#include "handover/identity.h"

namespace ferry::handover {

class PortGate : public Gate {
 public:
  // `netns`: opens the workload's network namespace, when it is first needed.
  PortGate(Port port, Identity identity, std::function<base::Fd()> netns)
      : port_(std::move(port)), identity_(std::move(identity)), netns_(std::move(netns)) {}

  void shut() override { port_.shut(); }
  void open() override { port_.open(); }
  void announce() override {
    get_ready();
    announcer_->announce();
  }
  // Before a pause, for what follows in it.
  void get_ready() {
    if (!announcer_) announcer_.emplace(netns_().get(), identity_);
  }

 private:
  Port port_;
  Identity identity_;
  std::function<base::Fd()> netns_;
  std::optional<Announcer> announcer_;
};

}  // namespace ferry::handover
