// SPDX-License-Identifier: Apache-2.0
//
// The frames of an identity, led to a TAP of ferry's instead of to the workload's port on the same bridge. One request to the bridge
// switches between the two, so each frame goes to the one or to the other: a port that is merely taken off the bridge has them dropped
// until the bridge has forgotten it.
//
// Nothing of this outlives the process: see bridge_tap.h.
#pragma once

#include <functional>
#include <string>

#include "handover/bridge_tap.h"
#include "handover/identity.h"

namespace ferry::handover {

// Of each kind of waiting frame, so many. 1 Gbit/s of the smallest ones for 7 ms, of large ones for 120 ms; in memory that is up to 40 MB,
// and only while they wait.
inline constexpr int kMostWaiting = 10'000;
inline constexpr size_t kMostAtOnce = 64;  // taken, before anything else is looked at

class Diversion {
 public:
  // Makes the device; nothing changes on the segment. Throws SysError, Error.
  Diversion(const std::string& bridge, const Identity& identity);

  // It will be soon: the device is up. Frames to many (an ARP question, say) come from now on.
  void stand_by() { tap_.set_up(true); }
  // The identity's frames come here from now on, whoever else speaks from its MAC.
  void begin() { tap_.claim(identity_.mac, kernel::Netlink::Hold::kYes); }
  // They go on coming, until somebody else speaks from it: an announcement elsewhere ends it.
  void loosen() { tap_.claim(identity_.mac, kernel::Netlink::Hold::kNo); }
  void end() { tap_.disclaim(identity_.mac); }
  // Takes what has come, in order, until there is none or `most` were taken. How many they were.
  size_t take(size_t most, const std::function<void(Frame)>& each) { return tap_.take(most, each); }
  // To a workload whose port is on the bridge: all that has come, by `give`, in order, and then its MAC. The MAC goes over at a moment
  // when none waits; a frame that comes in the microseconds before it is given right after.
  void hand_over(const std::string& link, const std::function<void(Frame)>& give);
  void announce() const;  // on the segment: the identity is here
  // On the segment, as if it came from the identity. `unfinished`: as kernel::Tap has it.
  void send(Frame frame, const kernel::Unfinished& unfinished) const { tap_.write(frame, unfinished); }

  uint64_t dropped() const { return tap_.dropped(); }
  int fd() const { return tap_.fd(); }  // readable: something came

 private:
  BridgeTap tap_;
  Identity identity_;
};

// A copy that stays.
std::string bytes_of(Frame frame);

}  // namespace ferry::handover
