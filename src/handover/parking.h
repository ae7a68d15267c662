// SPDX-License-Identifier: Apache-2.0
//
// Parking: while a workload is frozen, the frames for its identity wait at the target instead of being dropped, which would cost each
// TCP client its retransmission timeout (200 ms and more). They wait in a diversion (diversion.h); release() gives them to the
// workload, in order, and then lets the rest go there directly.
//
// They come to the workload in the order and the rhythm in which they came here, some times as fast: who is given all at once answers the first
// one, at times, only after it has looked at the last one (an event loop that reads all that is there before it writes).
//
// The order of frames is kept: as long as one waits here, the next ones come here, too. (On a bridge the workload's port, open already, has
// only what the workload says.)
//
// The other way, what a workload with a link of its own sends before its port is open waits, too (held_frames.h): it goes out first.
//
// Belongs to one thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "handover/diversion.h"
#include "handover/held_frames.h"

namespace ferry::handover {

struct Parked {
  uint64_t frames = 0, bytes = 0;  // given to the workload
  uint64_t overflow = 0;           // too many at once: dropped
  uint64_t held = 0;               // sent by the workload before its port was open
};

class Parking {
 public:
  explicit Parking(std::unique_ptr<Diversion> here) : here_(std::move(here)) {}

  void stand_by() { here_->stand_by(); }
  // The identity's frames wait here from now on, and the segment is told to send them here.
  void take_over();
  bool has_taken_over() const { return taken_over_; }
  // Takes note of what has come since the last call. To be called every some milliseconds while frames wait, or their rhythm is not known.
  void note_arrivals();
  // The identity is elsewhere again. What waits here stays, for give_back() or, should it be right after all, release().
  void let_go();
  // All that waits, in order; it waits here no more.
  std::vector<std::string> give_back();
  // The workload's link: what comes from it, as its port is shut, waits for release(). Throws SysError.
  void attach(const std::string& link) {
    here_->attach(link);
    held_.emplace(link);
  }
  // It is release() that opens the gate, not whoever calls it.
  bool opens_gate() const { return here_->opens_gate(); }
  // The workload may speak: the port is open, or what it says goes out in another way. From any thread, once.
  void let_workload_speak() const {
    if (held_) held_->stop();
    here_->let_workload_speak();
  }
  // Came to the other host; goes before all that came here.
  void add_straggler(Frame frame);
  // The workload may have it: sends what it had to say, gives it what waits, and what comes from now on. Frames that are added later go
  // there at once.
  Parked release();
  void close() {  // after release(): what is added is still passed on. Takes an RCU grace period
    held_.reset();
    here_->retire();
  }

 private:
  struct Waiting {
    base::MonoTime came;  // at the earliest
    std::string frame;
  };
  void pass_on(Frame frame);
  void pass_on_noted();
  void send_held();

  std::unique_ptr<Diversion> here_;
  bool taken_over_ = false, released_ = false;
  uint64_t dropped_before_ = 0;
  std::deque<std::string> stragglers_;
  std::deque<Waiting> waiting_;  // noted: no longer in the diversion
  base::MonoTime noted_at_{};
  std::optional<HeldFrames> held_;
  Parked parked_;
};

}  // namespace ferry::handover
