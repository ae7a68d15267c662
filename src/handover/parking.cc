// SPDX-License-Identifier: Apache-2.0
#include "handover/parking.h"

#include "base/error.h"
#include "base/log.h"
#include "handover/announcement.h"

namespace ferry::handover {

namespace {

// A flood of new frames must not keep the MAC here for ever: after so many the rest may be overtaken.
constexpr size_t kMostInOrder = 4 * static_cast<size_t>(kMostWaiting);
constexpr size_t kMostAtOnce = 64;

std::string copy_of(Frame frame) { return {reinterpret_cast<const char*>(frame.data()), frame.size()}; }

}  // namespace

Parking::Parking(const std::string& bridge, const Identity& identity) : tap_(std::in_place, bridge, kMostWaiting), identity_(identity) {}

void Parking::stand_by() { tap_->set_up(true); }

void Parking::take_over() {
  if (taken_over_) return;
  (void)tap_->take(kMostWaiting, [](Frame) {});  // what was said to all, or flooded, before: the workload has it
  dropped_before_ = tap_->dropped();
  tap_->claim(identity_.mac);
  taken_over_ = true;
  const std::string told = announcement(identity_);
  tap_->write(std::as_bytes(std::span(told)));
}

void Parking::let_go() {
  if (!taken_over_) return;
  taken_over_ = false;
  tap_->disclaim(identity_.mac);
}

std::vector<std::string> Parking::give_back() {
  std::vector<std::string> waiting(stragglers_.begin(), stragglers_.end());
  stragglers_.clear();
  tap_->take(kMostWaiting, [&](Frame frame) {
    if (is_for_it(frame)) waiting.push_back(copy_of(frame));
  });
  return waiting;
}

void Parking::add_straggler(Frame frame) {
  if (workload_) return pass_on(frame);
  if (stragglers_.size() < static_cast<size_t>(kMostWaiting)) {
    stragglers_.push_back(copy_of(frame));
  } else {
    ++parked_.overflow;
  }
}

// Not what the workload itself says to all, which comes here, too.
bool Parking::is_for_it(Frame frame) const {
  return sender_of(frame) != identity_.mac && (is_to_many(frame) || destination_of(frame) == identity_.mac);
}

void Parking::pass_on(Frame frame) {
  if (!is_for_it(frame)) return;
  try {
    workload_->send(frame);
    ++parked_.frames;
    parked_.bytes += frame.size();
  } catch (const base::SysError& full) {  // one frame is no reason to lose the others
    ++parked_.overflow;
    base::log("a parked frame: {}", full.what());
  }
}

Parked Parking::release(const std::string& link) {
  workload_.emplace(link);
  const auto pass = [this](Frame frame) { pass_on(frame); };
  for (const auto& frame : stragglers_) pass_on(std::as_bytes(std::span(frame)));
  stragglers_.clear();
  size_t taken = 0;
  while (taken < kMostInOrder) {
    const size_t some = tap_->take(kMostAtOnce, pass);
    if (some == 0) break;
    taken += some;
  }
  kernel::Netlink().direct(link, identity_.mac, kernel::Netlink::Hold::kNo);
  taken_over_ = false;
  tap_->take(kMostWaiting, pass);
  parked_.overflow += tap_->dropped() - dropped_before_;
  return parked_;
}

std::vector<std::string> Stragglers::take() {
  std::vector<std::string> found;
  tap_.take(kMostAtOnce, [&](Frame frame) {
    if (destination_of(frame) == identity_.mac) found.push_back(copy_of(frame));
  });
  return found;
}

}  // namespace ferry::handover
