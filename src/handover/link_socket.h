// SPDX-License-Identifier: Apache-2.0
//
// Puts whole Ethernet frames onto a link, past any bridge (packet(7)).
#pragma once

#include <cstdint>
#include <string>

#include "handover/bridge_tap.h"

namespace ferry::handover {

// SO_MARK of what it sends: a table at the link's egress can let that pass.
inline constexpr uint32_t kSentByFerry = 0x66727279;  // "frry"

class LinkSocket {
 public:
  // In the calling thread's network namespace. Its end waits for an RCU grace period (10 ms,
  // measured): not within a pause.
  explicit LinkSocket(const std::string& link);
  void send(Frame frame) const { send(frame, {}); }  // throws SysError
  // `unfinished`: what the link, or whoever receives it, has still to do. Throws SysError.
  void send(Frame frame, const kernel::Unfinished& unfinished) const;

 private:
  base::Fd socket_;
  std::string link_;
};

}  // namespace ferry::handover
