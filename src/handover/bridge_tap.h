// SPDX-License-Identifier: Apache-2.0
//
// A TAP that is a port of a bridge of this host: frames that the bridge sends there wait in its queue. Its bridge stays what it was
// (MAC, MTU), and when the process ends, by whatever, the port and what the bridge knew of it are gone.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "kernel/tap.h"

namespace ferry::handover {

using Frame = std::span<const std::byte>;

// The addresses of an Ethernet frame. A frame that is too short for them has none that anybody could have.
kernel::MacAddr destination_of(Frame frame);
kernel::MacAddr sender_of(Frame frame);
bool is_to_many(Frame frame);  // multicast and broadcast

class BridgeTap {
 public:
  // Down: nothing comes yet. `queue_frames`: so many can wait, more are dropped and counted. Throws SysError.
  BridgeTap(const std::string& bridge, int queue_frames);

  void set_up(bool up) { host_.set_up(name(), up); }
  // Takes what waits, in order, until there is none or `most` were taken. How many they were.
  size_t take(size_t most, const std::function<void(Frame)>& each);
  void write(Frame frame) const { tap_.write(frame); }  // comes in on the bridge
  void write(Frame frame, const kernel::Unfinished& unfinished) const { tap_.write(frame, unfinished); }
  void claim(const kernel::MacAddr& mac, kernel::Netlink::Hold hold) { host_.direct(name(), mac, hold); }
  void disclaim(const kernel::MacAddr& mac) { host_.forget(name(), mac); }
  void keep_little() { host_.set_queue_length(name(), 1); }  // of what still comes
  uint64_t dropped() const { return host_.dropped(name()); }
  const std::string& name() const { return tap_.name(); }
  int fd() const { return tap_.fd(); }

 private:
  kernel::Netlink host_;
  kernel::Tap tap_;
  std::vector<std::byte> buffer_;
};

}  // namespace ferry::handover
