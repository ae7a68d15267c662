// SPDX-License-Identifier: Apache-2.0
//
// Parking: while a workload is frozen, the frames for its identity wait instead of being dropped, which would cost each TCP client its
// retransmission timeout (200 ms and more).
//
//     Parking      at the target: a port of the bridge that has the identity's MAC from take_over() on. release() puts what waits
//                  onto the workload's link, in order, and then gives the MAC to the workload's own port
//     Stragglers   at the source: what still comes there, once the workload's port is shut
//
// The order of frames is kept: as long as one waits here, the bridge sends the next ones here, too; the workload's port, open already, has
// only what the workload says. The MAC goes over at a moment when none waits; a frame that comes in the microseconds before it is
// sent on right after, and might be overtaken by one that comes in the microseconds after.
//
// Each belongs to one thread. Nothing of this outlives the process: see bridge_tap.h.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "handover/bridge_tap.h"
#include "handover/identity.h"
#include "handover/link_socket.h"

namespace ferry::handover {

struct Parked {
  uint64_t frames = 0, bytes = 0;  // given to the workload
  uint64_t overflow = 0;           // too many at once: dropped
};

// Of each kind of waiting frame, so many. 1 Gbit/s of the smallest ones for 7 ms, of large ones for 120 ms; in memory that is up to 40 MB,
// and only while they wait.
inline constexpr int kMostWaiting = 10'000;

class Parking {
 public:
  // Makes the device; nothing changes on the segment. Throws SysError, Error.
  Parking(const std::string& bridge, const Identity& identity);

  // It will be soon: the device is up. Frames to many (an ARP question, say) come from now on.
  void stand_by();
  // The identity's frames wait here from now on, and the segment is told to send them here.
  void take_over();
  bool has_taken_over() const { return taken_over_; }
  // The identity is elsewhere again. What waits here stays, for give_back() or, should it be right after all, release().
  void let_go();
  // All that waits, in order; it waits here no more.
  std::vector<std::string> give_back();
  // Came to the other host; goes before all that came here.
  void add_straggler(Frame frame);
  // The workload's port is on the bridge: gives it what waits, then its MAC. Frames that are added later go there at once.
  Parked release(const std::string& link);
  void close() { tap_.reset(); }  // after release(): what is added is still passed on. Takes an RCU grace period

 private:
  bool is_for_it(Frame frame) const;
  void pass_on(Frame frame);

  std::optional<BridgeTap> tap_;
  Identity identity_;
  bool taken_over_ = false;
  uint64_t dropped_before_ = 0;
  std::deque<std::string> stragglers_;
  std::optional<LinkSocket> workload_;
  Parked parked_;
};

class Stragglers {
 public:
  Stragglers(const std::string& bridge, const Identity& identity) : tap_(bridge, kMostWaiting), identity_(identity) {}

  void stand_by() { tap_.set_up(true); }
  int fd() const { return tap_.fd(); }  // readable: something came
  // What came for the identity since the last time, in order.
  std::vector<std::string> take();

 private:
  BridgeTap tap_;
  Identity identity_;
};

}  // namespace ferry::handover
