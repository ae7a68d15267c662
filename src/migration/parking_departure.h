// SPDX-License-Identifier: Apache-2.0
//
// Parking at the source: tells the target when the workload's port is shut and open again, sends on what still comes here, and gives
// the workload what waited at the target, should it run on here.
#pragma once

#include <condition_variable>
#include <optional>
#include <string>
#include <vector>

#include "handover/parking.h"
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
  void port_is_shut();
  void port_is_open(); // and announced
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
  void give_to_workload(const std::string& frame);

  const handover::Identity identity_;
  const std::string link_;
  const base::Fd netns_;
  handover::Stragglers stragglers_;
  // On the lane's thread.
  bool open_ = true;
  base::MonoTime shut_at_{};
  std::optional<handover::LinkSocket> workload_;
  std::vector<std::string> returned_;  // while the port is shut

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  ParkingReport report_;
  bool told_ = false;

  ParkingLane lane_;
};

}  // namespace ferry::migration
