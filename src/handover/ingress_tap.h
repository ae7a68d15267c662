// SPDX-License-Identifier: Apache-2.0
//
// A TAP to which a table of nftables leads what comes in on a link; what is given back comes in on
// that link again, as it had come first (tc, mirred), for the kernel's IP and ARP, for firewalls
// and for what else looks at interfaces. The table knows it by its sender's MAC, the TAP's own.
//
// Gone with the last of its descriptors.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "handover/bridge_tap.h"

namespace ferry::handover {

// Where frames wait, and by which sender's MAC they come back and pass.
struct WaitingPlace {
  int link = 0;  // index
  kernel::MacAddr mac;
};

class IngressTap {
 public:
  using Take = std::function<void(Frame, const kernel::Unfinished&)>;

  // Down. `queue_frames`: so many can wait, more are dropped and counted. Throws SysError.
  IngressTap(const std::string& pattern, const std::string& link, int queue_frames,
             kernel::Tap::Large large = kernel::Tap::Large::kNo);
  // One that is shared with another process.
  IngressTap(base::Fd shared, std::string link);

  void set_up() { host_.set_up(tap_.name(), true); }
  const std::string& name() const { return tap_.name(); }
  const WaitingPlace& place() const { return place_; }
  const std::string& link() const { return link_; }
  size_t take(size_t most, const Take& each);
  void give(Frame frame, const kernel::Unfinished& unfinished = {});
  uint64_t dropped() const { return host_.dropped(tap_.name()); }
  int fd() const { return tap_.fd(); }  // readable: something came

 private:
  kernel::Netlink host_;
  std::string link_;
  kernel::Tap tap_;
  WaitingPlace place_;
  std::vector<std::byte> buffer_;
  std::string given_;
};

}  // namespace ferry::handover
