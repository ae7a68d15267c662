// SPDX-License-Identifier: Apache-2.0
#include "migration/parking_departure.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "kernel/namespaces.h"
#include "migration/conversation.h"

namespace ferry::migration {

using base::milliseconds;

namespace {

// The workload stands still meanwhile; but a busy target must not end a move.
constexpr milliseconds kTargetSilence{2'000};
constexpr milliseconds kTargetTells{500};    // the frames are given to the workload within some 25 milliseconds
constexpr milliseconds kTargetReturns{300};

}  // namespace

ParkingDeparture::ParkingDeparture(transport::Link lane, const runtime::Workload& workload)
    : gate_(workload.gate()),
      netns_(workload.identity ? kernel::open_namespace(workload.root.pid, "net") : base::Fd()),
      stragglers_(workload.diversion()),
      lane_(std::move(lane), stragglers_->fd(),
            {[this](const wire::ParkingMessage& message) { hear(message); }, [this] { forward(); }, {}, {}, {}}) {
  report_.on = true;
}

ParkingDeparture::~ParkingDeparture() = default;

void ParkingDeparture::stand_by() {
  stragglers_->stand_by();
  stragglers_->listen_to_workload();
  lane_.post([this] { lane_.begin_beats(); });
}

// On the mover's thread, which does not wait for the lane's. Said first: what comes from the switch on is sent to the target.
void ParkingDeparture::gate_will_shut() {
  open_ = false;
  {
    const std::lock_guard lock(words_mutex_);
    speaks_ = true;
  }
  stragglers_->begin();
}

void ParkingDeparture::gate_is_shut() {
  stragglers_->loosen();  // the target's announcement shall count on this bridge, too
  lane_.post([this, now = base::mono_now()] {
    open_ = false;  // should the gate have been opened just before
    shut_at_ = now;
    let_last_words_out();
    wire::ParkingMessage message;
    message.mutable_shut();
    lane_.send(message);
    // Without them the first answer would have to ask for its way. Those in the plan may be minutes old. (A host has its own.)
    if (!netns_) return;
    for (const auto& known : handover::neighbours_in(netns_.get())) {
      auto& told = *message.mutable_neighbours()->add_neighbours();
      told.set_address(known.address.text());
      told.set_mac(known.mac.text());
    }
    if (message.has_neighbours()) lane_.send(message);
  });
}

void ParkingDeparture::gate_is_open() {
  lane_.post([this] {
    for (const auto& frame : returned_) give_to_workload(std::as_bytes(std::span(frame)));
    returned_.clear();
    lead_back();
    open_ = true;
    wire::ParkingMessage message;
    message.mutable_open();
    lane_.send(message);
  });
}

void ParkingDeparture::lead_back() {
  try {
    stragglers_->hand_over([this](handover::Frame frame) {
      if (stragglers_->is_for_it_alone(frame)) give_to_workload(frame);
    });
  } catch (const base::SysError& failure) {  // shut again, say: the bridge forgets us at the end
    base::log("parking: {}", failure.what());
  }
}

void ParkingDeparture::throw_if_silent(const std::string& target) const {
  if (lane_.silent_for() > kTargetSilence) {
    throw LinkLost(target, fmt::format("it has not been heard for {:.1f} s in the pause", kTargetSilence.count() / 1000.0));
  }
}

ParkingReport ParkingDeparture::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kTargetTells, [this] { return told_; });
  return report_;
}

void ParkingDeparture::wait_for_return() const { (void)lane_.wait_for_end(kTargetReturns); }

void ParkingDeparture::hear(const wire::ParkingMessage& message) {
  if (message.has_frames()) return take_back(message.frames());
  if (message.has_taken()) return hear_taken();
  if (!message.has_released()) return;
  const std::lock_guard lock(mutex_);
  report_.frames = message.released().frames();
  report_.bytes = message.released().bytes();
  report_.overflow = message.released().overflow();
  report_.held = message.released().held();
  told_ = true;
  changed_.notify_all();
}

// A target that is slow may have announced the identity after the workload went on here: the segment must hear of us last.
void ParkingDeparture::hear_taken() {
  {
    const std::lock_guard lock(mutex_);
    report_.takeover_ms = base::ms_between(shut_at_, base::mono_now());
  }
  if (open_) return gate_->announce();
  lane_.send_frames(std::exchange(returned_, {}));  // of an earlier try: they came too late to be given to the workload here
}

void ParkingDeparture::take_back(const wire::ParkingFrames& frames) {
  for (const auto& frame : frames.frames()) {
    if (open_) {
      give_to_workload(std::as_bytes(std::span(frame)));
    } else {
      returned_.push_back(frame);
    }
  }
}

void ParkingDeparture::let_last_words_out() {
  const std::lock_guard words(words_mutex_);
  const size_t said = stragglers_->say_last_words(speaks_);
  const std::lock_guard lock(mutex_);
  report_.late += said;
}

void ParkingDeparture::silence_workload() {
  let_last_words_out();
  const std::lock_guard words(words_mutex_);
  speaks_ = false;
}

// With the gate open they come to the workload by themselves.
void ParkingDeparture::forward() {
  let_last_words_out();
  std::vector<std::string> frames;
  stragglers_->take(handover::kMostAtOnce, [&](handover::Frame frame) {
    if (!open_ && stragglers_->is_for_it_alone(frame)) frames.push_back(handover::bytes_of(frame));
  });
  if (frames.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    report_.forwarded += frames.size();
  }
  lane_.send_frames(std::move(frames));
}

void ParkingDeparture::give_to_workload(handover::Frame frame) {
  try {
    stragglers_->give(frame);
  } catch (const base::SysError& full) {
    base::log("a parked frame: {}", full.what());
  }
}

}  // namespace ferry::migration
