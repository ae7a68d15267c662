// SPDX-License-Identifier: Apache-2.0
#include "handover/bridge_tap.h"

#include <net/ethernet.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "kernel/ip_settings.h"

namespace ferry::handover {

namespace {

constexpr const char* kPattern = "fyp%d";

kernel::MacAddr mac_at(Frame frame, size_t offset) {
  kernel::MacAddr mac;
  if (frame.size() < sizeof(ether_header)) return mac;
  const auto* bytes = reinterpret_cast<const uint8_t*>(frame.data());
  std::copy_n(bytes + offset, mac.bytes.size(), mac.bytes.begin());
  return mac;
}

}  // namespace

kernel::MacAddr destination_of(Frame frame) { return mac_at(frame, 0); }
kernel::MacAddr sender_of(Frame frame) { return mac_at(frame, ETH_ALEN); }
bool is_to_many(Frame frame) { return (destination_of(frame).bytes[0] & 1) != 0; }

BridgeTap::BridgeTap(const std::string& bridge, int queue_frames) : tap_(kPattern), buffer_(kernel::kMostFrameBytes) {
  const auto found = host_.find_link(bridge);
  if (!found) throw base::SysError("netlink", ENODEV, bridge);
  // A bridge without a MAC of its own has the lowest of its ports', and the lowest MTU. (And a port's own MAC must not be the
  // identity's: its frames would go to the host.)
  host_.set_mac(name(), kernel::MacAddr::random_high());
  host_.set_mtu(name(), found->mtu);
  kernel::disable_ipv6(name());
  host_.set_queue_length(name(), queue_frames);
  host_.set_master(name(), bridge);
}

size_t BridgeTap::take(size_t most, const std::function<void(Frame)>& each) {
  size_t taken = 0;
  for (; taken < most; ++taken) {
    const auto frame = tap_.try_read(buffer_);
    if (!frame) break;
    each(*frame);
  }
  return taken;
}

}  // namespace ferry::handover
