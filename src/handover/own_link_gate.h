// SPDX-License-Identifier: Apache-2.0
//
// What the gates of workloads with a link of their own have in common: they announce from inside.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "handover/gate.h"
#include "handover/identity.h"

namespace ferry::handover {

class OwnLinkGate : public Gate {
 public:
  void announce() override {
    OwnLinkGate::get_ready();
    announcer_->announce();
  }
  void get_ready() override {
    if (!announcer_) announcer_.emplace(open_network().get(), identity_);
  }

 protected:
  // `netns`: opens the workload's network namespace, when it is first needed.
  OwnLinkGate(Identity identity, std::function<base::Fd()> netns)
      : identity_(std::move(identity)), netns_(std::move(netns)) {}
  base::Fd open_network() const { return netns_(); }

 private:
  Identity identity_;
  std::function<base::Fd()> netns_;
  std::optional<Announcer> announcer_;
};

}  // namespace ferry::handover
