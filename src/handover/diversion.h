// SPDX-License-Identifier: Apache-2.0
//
// The frames of a workload that is moving, led to a TAP of ferry's where they wait: those of an identity on a bridge
// (bridge_diversion.h), or those for a service address (address_diversion.h). Each frame goes to the TAP or to the workload.
//
// Nothing of this outlives the process.
#pragma once

#include <functional>
#include <string>

#include "handover/bridge_tap.h"
#include "kernel/tap.h"

namespace ferry::handover {

// Of each kind of waiting frame, so many. 1 Gbit/s of the smallest ones for 7 ms, of large ones for 120 ms; in memory that is up to 40 MB,
// and only while they wait. Parking holds as many once more.
inline constexpr int kMostWaiting = 10'000;
inline constexpr size_t kMostAtOnce = 64;  // taken, before anything else is looked at

class Diversion {
 public:
  using Take = std::function<void(Frame)>;

  virtual ~Diversion() = default;

  // The workload's link on this host, where it has one of its own, and as soon as it is there.
  virtual void attach(const std::string&) {}
  // It will be soon: the device is up. Frames to many (an ARP question, say) may come from now on.
  virtual void stand_by() = 0;
  // Where the workload is: say_last_words() will be called. Once more changes nothing.
  virtual void listen_to_workload() {}
  // Its gate is shut. What it had sent before and had not come as far as the segment goes out (on a busy host softirqs are late; lost,
  // it would be sent again only after a timeout), or is given up. How many frames.
  virtual size_t say_last_words(bool) { return 0; }
  // The frames come here from now on, whoever else claims them.
  virtual void begin() = 0;
  // They go on coming, until an announcement elsewhere ends it.
  virtual void loosen() = 0;
  virtual void end() = 0;
  // The workload's: its own, or to many. And those that no other host has been given, too.
  virtual bool is_for_workload(Frame frame) const = 0;
  virtual bool is_for_it_alone(Frame frame) const = 0;
  // It is this that opens the workload's gate, when all that has waited is through: hand_over(). Nobody else does so before.
  virtual bool opens_gate() const { return false; }
  // Right before hand_over(), from any thread: what the workload says goes out from now on.
  virtual void let_workload_speak() {}
  // To the workload, past the diversion, as if it had come in from the segment. Throws SysError.
  virtual void give(Frame frame) = 0;
  virtual void announce() = 0;  // on the segment: what is led here is here
  // On the segment, as if it came from the workload. `unfinished`: as kernel::Tap has it.
  virtual void send(Frame frame, const kernel::Unfinished& unfinished) = 0;
  // Takes what has come, in order, until there is none or `most` were taken. How many they were.
  virtual size_t take(size_t most, const Take& each) = 0;
  // All that has come, by `give_it`, in order; then the diversion ends, at a moment when nothing waits. A frame that comes in the
  // microseconds before is given right after.
  void hand_over(const Take& give_it);
  // After that: give() goes on. Takes an RCU grace period.
  virtual void retire() = 0;

  virtual uint64_t dropped() const = 0;
  virtual int fd() const = 0;  // readable: something came, or there are last words

 protected:
  virtual void lead_to_workload() = 0;
};

// In that order: what waits, until `give_some` has given none; `open`, after which no more comes to wait; what came in between.
void hand_over_in_order(const std::function<size_t()>& give_some, const std::function<void()>& open);

// A copy that stays.
std::string bytes_of(Frame frame);

}  // namespace ferry::handover
