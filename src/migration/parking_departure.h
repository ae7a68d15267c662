// SPDX-License-Identifier: Apache-2.0
//
// Parking at the source: leads the workload's frames away from it before its gate is shut, tells the target, sends on what still
// comes here, and gives the workload what waited here and there, should it run on here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <string>
#include <vector>

#include "handover/diversion.h"
#include "handover/gate.h"
#include "migration/events.h"
#include "migration/parking_lane.h"
#include "runtime/workload.h"

namespace ferry::migration {

class ParkingDeparture {
 public:
  // Throws SysError when there can be no TAP on this host.
  ParkingDeparture(transport::Link lane, const runtime::Workload& workload);
  ~ParkingDeparture();
  ParkingDeparture(const ParkingDeparture&) = delete;
  ParkingDeparture& operator=(const ParkingDeparture&) = delete;

  void stand_by();     // the freeze begins
  void gate_will_shut();
  void gate_is_shut();
  // Its sockets are read next. What comes in all the same, since the kernel was late with it, is acknowledged, and will not be dumped:
  // nobody must hear of it.
  void silence_workload();
  void gate_is_open();  // and announced
  // The target's ferry is not there any more: LinkLost. Before the commit.
  void throw_if_silent(const std::string& target) const;
  // It runs at the target: what was parked. Waits a moment for the target's word.
  ParkingReport finish();
  // It runs here, and the target was told: waits a moment for what had waited there.
  void wait_for_return() const;

 private:
  void hear(const wire::ParkingMessage& message);
  void hear_taken();
  void take_back(const wire::ParkingFrames& frames);
  void forward();
  void let_last_words_out();
  void lead_back();
  void give_to_workload(handover::Frame frame);

  const std::unique_ptr<handover::Gate> gate_;
  const base::Fd netns_;  // of a workload with an identity
  const std::unique_ptr<handover::Diversion> stragglers_;
  std::atomic<bool> open_ = true;
  std::mutex words_mutex_;
  bool speaks_ = false;  // what it had sent before the gate was shut still goes out
  // On the lane's thread.
  base::MonoTime shut_at_{};
  std::vector<std::string> returned_;  // while the gate is shut

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  ParkingReport report_;
  bool told_ = false;

  ParkingLane lane_;
};

}  // namespace ferry::migration
