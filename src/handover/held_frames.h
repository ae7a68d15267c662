// SPDX-License-Identifier: Apache-2.0
//
// What a workload's kernel sends while its port is shut. A restored TCP socket sends what had not been sent when it was dumped, and asks
// its peer for the window, at a moment that CRIU chooses: before the port is open. Lost, that would be sent again only after a
// retransmission timeout, which is a whole second where no round trip has been measured yet.
#pragma once

#include <net/ethernet.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "handover/bridge_tap.h"

namespace ferry::handover {

class HeldFrames {
 public:
  // From now on. `link`: the port, in the calling thread's network namespace. `protocol`: ETH_P_ALL, or one; then only what no bridge
  // takes (net/core/dev.c: __netif_receive_skb_core asks the bridge between the two kinds of sockets). Throws SysError.
  explicit HeldFrames(const std::string& link, uint16_t protocol = ETH_P_ALL);
  HeldFrames(HeldFrames&&) = default;

  // The port is open now: what is sent from here on goes its own way. From any thread.
  void stop() const;
  // Takes what was sent before, in order. A frame may lack its checksum, and be longer than any link's: `unfinished` says so.
  void take(const std::function<void(Frame, const kernel::Unfinished& unfinished)>& each);
  uint64_t dropped() const;  // too many; since the last call
  int fd() const { return socket_.get(); }  // readable: something was sent

 private:
  base::Fd socket_;
  std::string link_;
  std::vector<std::byte> buffer_;
};

}  // namespace ferry::handover
