// SPDX-License-Identifier: Apache-2.0
#include "handover/parking.h"

#include "base/error.h"
#include "base/log.h"

namespace ferry::handover {

void Parking::take_over() {
  if (taken_over_) return;
  (void)here_->take(kMostWaiting, [](Frame) {});  // what was said to all, or flooded, before: the workload has it
  dropped_before_ = here_->dropped();
  here_->begin();
  taken_over_ = true;
  here_->announce();
}

void Parking::let_go() {
  if (!taken_over_) return;
  taken_over_ = false;
  here_->end();
}

std::vector<std::string> Parking::give_back() {
  std::vector<std::string> waiting(stragglers_.begin(), stragglers_.end());
  stragglers_.clear();
  here_->take(kMostWaiting, [&](Frame frame) {
    if (here_->is_for_workload(frame)) waiting.push_back(bytes_of(frame));
  });
  return waiting;
}

void Parking::add_straggler(Frame frame) {
  if (released_) return pass_on(frame);
  if (stragglers_.size() < static_cast<size_t>(kMostWaiting)) {
    stragglers_.push_back(bytes_of(frame));
  } else {
    ++parked_.overflow;
  }
}

void Parking::pass_on(Frame frame) {
  if (!here_->is_for_workload(frame)) return;
  try {
    here_->give(frame);
    ++parked_.frames;
    parked_.bytes += frame.size();
  } catch (const base::SysError& full) {  // one frame is no reason to lose the others
    ++parked_.overflow;
    base::log("a parked frame: {}", full.what());
  }
}

// By the TAP: the bridge knows the MAC to be there, and a frame that comes from elsewhere would tell it otherwise.
void Parking::send_held() {
  if (!held_) return;
  held_->take([this](Frame frame, const kernel::Unfinished& unfinished) {
    try {
      here_->send(frame, unfinished);
      ++parked_.held;
    } catch (const base::SysError& refused) {  // one frame is no reason to lose the others
      base::log("a frame from the workload: {}", refused.what());
    }
  });
  if (const auto dropped = held_->dropped(); dropped > 0) base::log("{} frames from the workload were too many", dropped);
}

Parked Parking::release() {
  send_held();
  released_ = true;
  const auto pass = [this](Frame frame) { pass_on(frame); };
  for (const auto& frame : stragglers_) pass(std::as_bytes(std::span(frame)));
  stragglers_.clear();
  here_->hand_over(pass);
  taken_over_ = false;
  parked_.overflow += here_->dropped() - dropped_before_;
  return parked_;
}

}  // namespace ferry::handover
