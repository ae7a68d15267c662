// SPDX-License-Identifier: Apache-2.0
//
// The frames of an identity, led to a TAP instead of to the workload's port on the same bridge. One
// request to the bridge switches between the two, so each frame goes to the one or to the other: a
// port that is merely taken off the bridge has them dropped until the bridge has forgotten it. See
// bridge_tap.h.
#pragma once

#include <optional>
#include <vector>

#include "handover/diversion.h"
#include "handover/held_frames.h"
#include "handover/identity.h"
#include "handover/link_socket.h"

namespace ferry::handover {

class BridgeDiversion : public Diversion {
 public:
  // `port`: the workload's link; empty: attach() says it. Makes the device; nothing changes on the
  // segment. Throws SysError, Error.
  BridgeDiversion(const std::string& bridge, const Identity& identity, std::string port);

  void attach(const std::string& port) override { port_ = port; }
  void stand_by() override { tap_->set_up(true); }
  void listen_to_workload() override;
  size_t say_last_words(bool aloud) override;
  void begin() override { tap_->claim(identity_.mac, kernel::Netlink::Hold::kYes); }
  void loosen() override { tap_->claim(identity_.mac, kernel::Netlink::Hold::kNo); }
  void end() override { tap_->disclaim(identity_.mac); }
  bool is_for_workload(Frame frame) const override;
  bool is_for_it_alone(Frame frame) const override {
    return destination_of(frame) == identity_.mac;
  }
  void give(Frame frame) override;
  void announce() override;
  void send(Frame frame, const kernel::Unfinished& unfinished) override {
    tap_->write(frame, unfinished);
  }
  size_t take(size_t most, const Take& each) override { return tap_->take(most, each); }
  void retire() override { tap_.reset(); }
  uint64_t dropped() const override { return tap_->dropped(); }
  int fd() const override { return ready_.get(); }

 protected:
  void lead_to_workload() override;
  BridgeTap& tap() { return *tap_; }
  const kernel::MacAddr& mac() const { return identity_.mac; }

 private:
  void watch(int fd) const;

  std::optional<BridgeTap> tap_;
  std::vector<HeldFrames> last_words_;
  base::Fd ready_;  // epoll(7), of all of them
  Identity identity_;
  std::string port_;
  std::optional<LinkSocket> workload_;
};

}  // namespace ferry::handover
