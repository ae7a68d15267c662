// SPDX-License-Identifier: Apache-2.0
//
// Parking at the target (handover/parking.h), led by what the source says on the lane: it takes over when the workload's port is shut
// there, and lets go when the source runs it again, or has not been heard for kSilence before the commit: then nobody here knows where
// the workload is, and clients on this side of a cut must still find it. Leaving the scope gives back to the source what waits.
#pragma once

#include "handover/parking.h"
#include "migration/parking_lane.h"

namespace ferry::migration {

class ParkingArrival {
 public:
  static constexpr base::milliseconds kSilence{200};

  // `netns`: of a workload with a link of its own, whose neighbours are told by the source, and that link; else none, or none yet.
  ParkingArrival(handover::Parking parking, transport::Link lane, base::Fd netns, std::string workload_link);
  ~ParkingArrival();
  ParkingArrival(const ParkingArrival&) = delete;
  ParkingArrival& operator=(const ParkingArrival&) = delete;

  // The workload's link, when that is made after this, and its network namespace. Throws SysError.
  void attach(const std::string& link, base::Fd netns);
  void stand_by();  // the freeze has begun
  bool opens_gate() const { return opens_gate_; }  // release() does, when all that waited is through
  void commit();    // the source has committed: silence means nothing any more
  // The workload may have them: sends what it had to say before, and gives it what waits, in the background.
  void release();

 private:
  void hear(const wire::ParkingMessage& message);
  void take_over();
  void give_back();
  void notice_silence();
  void end();

  handover::Parking parking_;
  const bool opens_gate_;
  base::Fd netns_;
  std::string workload_link_;
  // On the lane's thread.
  bool committed_ = false, silent_ = false, released_ = false;
  ParkingLane lane_;
};

}  // namespace ferry::migration
