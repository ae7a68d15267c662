// SPDX-License-Identifier: Apache-2.0
#include "handover/parking.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace ferry::handover {

namespace {

// Given so many times as fast as they came, within so long: who has waited least waits a little longer, and never as long as the first.
constexpr int kTimesAsFast = 8;
constexpr base::milliseconds kGivenWithin{25};

}  // namespace

void Parking::take_over() {
  if (taken_over_) return;
  (void)here_->take(kMostWaiting, [](Frame) {});  // what was said to all, or flooded, before: the workload has it
  dropped_before_ = here_->dropped();
  here_->begin();
  taken_over_ = true;
  noted_at_ = base::mono_now();
  here_->announce();
}

void Parking::note_arrivals() {
  if (!taken_over_) return;
  const auto came = std::exchange(noted_at_, base::mono_now());
  const auto room = static_cast<size_t>(kMostWaiting) - std::min(waiting_.size(), static_cast<size_t>(kMostWaiting));
  here_->take(room, [&](Frame frame) {
    if (here_->is_for_workload(frame)) waiting_.push_back({came, bytes_of(frame)});
  });
}

void Parking::let_go() {
  if (!taken_over_) return;
  taken_over_ = false;
  here_->end();
}

std::vector<std::string> Parking::give_back() {
  std::vector<std::string> waiting(stragglers_.begin(), stragglers_.end());
  stragglers_.clear();
  for (auto& [came, frame] : std::exchange(waiting_, {})) waiting.push_back(std::move(frame));
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

void Parking::pass_on_noted() {
  if (waiting_.empty()) return;
  const auto began = base::mono_now(), first = waiting_.front().came;
  const auto faster = std::max<int64_t>(kTimesAsFast, (waiting_.back().came - first) / kGivenWithin);
  for (const auto& [came, frame] : std::exchange(waiting_, {})) {
    note_arrivals();  // where the workload's answers come here, too, they leave by that
    std::this_thread::sleep_until(began + (came - first) / faster);
    pass_on(std::as_bytes(std::span(frame)));
  }
  for (const auto& [came, frame] : std::exchange(waiting_, {})) pass_on(std::as_bytes(std::span(frame)));
}

Parked Parking::release() {
  send_held();
  released_ = true;
  const auto pass = [this](Frame frame) { pass_on(frame); };
  for (const auto& frame : stragglers_) pass(std::as_bytes(std::span(frame)));
  stragglers_.clear();
  note_arrivals();
  pass_on_noted();
  here_->hand_over(pass);
  taken_over_ = false;
  parked_.overflow += here_->dropped() - dropped_before_;
  return parked_;
}

}  // namespace ferry::handover
