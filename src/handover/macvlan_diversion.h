// SPDX-License-Identifier: Apache-2.0
//
// The frames of an identity that is a macvlan on a bridge, led to a TAP on that bridge. A macvlan
// makes its bridge promiscuous: it has a copy of each frame for its MAC, whatever the bridge knows
// of that MAC, and the barrier in its network (network_barrier.h) is what keeps it away. So the
// bridge's entry needs not to be switched back: when all that has waited is through, the barrier
// goes, and the TAP's copies count no more.
//
// What is given to the workload is written to the TAP: the bridge gives it to the macvlan, and to
// nobody else, since it is for a MAC that the bridge believes to be at the TAP. It has a sender's
// MAC of its own, by which the barrier knows it: until the last of it is in, nothing else comes in.
#pragma once

#include <optional>
#include <string>

#include "handover/bridge_diversion.h"
#include "handover/network_barrier.h"

namespace ferry::handover {

class MacvlanDiversion : public BridgeDiversion {
 public:
  // `barrier`: at the target, the one around the workload, which this opens. At the source its gate
  // is opened first: a few frames may come twice then, which is better than a barrier that nobody
  // opens. Throws SysError.
  MacvlanDiversion(const std::string& bridge, const Identity& identity,
                   std::optional<NetworkBarrier> barrier)
      : BridgeDiversion(bridge, identity, ""), barrier_(std::move(barrier)) {}

  void listen_to_workload() override {}  // its gate is in its own network namespace: what has left it is on the segment
  bool opens_gate() const override { return barrier_.has_value(); }
  void let_workload_speak() override {
    if (barrier_) barrier_->let_in(giver_);
  }
  void give(Frame frame) override;
  void retire() override { tap().keep_little(); }  // what is given goes by the device

 protected:
  void lead_to_workload() override;

 private:
  std::optional<NetworkBarrier> barrier_;
  kernel::MacAddr giver_ = kernel::MacAddr::random_local();
  std::string given_;
};

}  // namespace ferry::handover
