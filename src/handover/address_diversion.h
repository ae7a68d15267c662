// SPDX-License-Identifier: Apache-2.0
//
// The packets for a service address, led to a TAP by a table of nftables (address_barrier.h). What
// is given to the workload comes in on the address's interface again (ingress_tap.h).
#pragma once

#include <atomic>

#include "handover/address_barrier.h"
#include "handover/diversion.h"
#include "handover/link_socket.h"

namespace ferry::handover {

class AddressDiversion : public Diversion {
 public:
  // With kWithThis the table ends with this, and leads nothing here before begin(); a lasting one
  // is an AddressBarrier's, shut here and now. Throws SysError.
  AddressDiversion(const HostAddress& here, kernel::Nftables::Life life);

  void stand_by() override { tap_.set_up(); }
  void begin() override;
  void loosen() override {}  // it has no claim that an announcement could end
  void end() override {}
  bool is_for_workload(Frame frame) const override {
    return is_to(here_, frame) || asks_for(here_, frame);
  }
  bool is_for_it_alone(Frame frame) const override { return is_to(here_, frame); }
  bool opens_gate() const override { return life_ == kernel::Nftables::Life::kLasting; }
  void give(Frame frame) override { tap_.give(frame); }
  void announce() override;
  // The host's own network sends by itself.
  void send(Frame frame, const kernel::Unfinished&) override { segment_.send(frame); }
  size_t take(size_t most,
              const Take& each) override;  // what the workload itself sends too early is held here
  void let_workload_speak() override { speaks_ = true; }
  void retire() override {}                // what is given goes by the device
  uint64_t dropped() const override { return tap_.dropped(); }
  int fd() const override { return tap_.fd(); }

 protected:
  void lead_to_workload() override;

 private:
  void send_held();

  HostAddress here_;
  kernel::Nftables::Life life_;
  kernel::Nftables tables_;
  IngressTap tap_;
  LinkSocket segment_;
  std::vector<std::string>
      held_;  // what was sent from the address too early: it leaves when the workload may speak
  std::atomic<bool> speaks_ = false;
};

}  // namespace ferry::handover
