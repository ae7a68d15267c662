// SPDX-License-Identifier: Apache-2.0
#include "migration/parking_arrival.h"

#include <future>

#include "base/log.h"
#include "migration/plan.h"

namespace ferry::migration {

namespace {

constexpr base::milliseconds kAttaches{1'000};

}  // namespace

ParkingArrival::ParkingArrival(handover::Parking parking, transport::Link lane, base::Fd netns, std::string workload_link)
    : parking_(std::move(parking)),
      opens_gate_(parking_.opens_gate()),
      netns_(std::move(netns)),
      workload_link_(std::move(workload_link)),
      lane_(std::move(lane), -1,
            {[this](const wire::ParkingMessage& message) { hear(message); }, {}, [this] { notice_silence(); }, [this] { parking_.note_arrivals(); },
             [this] { end(); }}) {}

ParkingArrival::~ParkingArrival() {
  lane_.post([this] { give_back(); });
}

// A lane that has ended does nothing any more, nor need it.
void ParkingArrival::attach(const std::string& link, base::Fd netns) {
  auto task = std::make_shared<std::packaged_task<void()>>([this, link, netns = std::move(netns)]() mutable {
    parking_.attach(link);
    netns_ = std::move(netns);
  });
  auto done = task->get_future();
  lane_.post([task] { (*task)(); });
  if (done.wait_for(kAttaches) == std::future_status::ready) done.get();
}

void ParkingArrival::stand_by() {
  lane_.post([this] {
    parking_.stand_by();
    lane_.begin_beats();
  });
}

void ParkingArrival::commit() {
  lane_.post([this] { committed_ = true; });
}

void ParkingArrival::release() {
  parking_.let_workload_speak();
  lane_.post([this] {
    const auto parked = parking_.release();
    released_ = true;
    wire::ParkingMessage message;
    auto& told = *message.mutable_released();
    told.set_frames(parked.frames);
    told.set_bytes(parked.bytes);
    told.set_overflow(parked.overflow);
    told.set_held(parked.held);
    try {
      lane_.send(message);
    } catch (const std::exception& lost) {
      base::log("parking: {}", lost.what());
    }
    parking_.close();
  });
}

void ParkingArrival::hear(const wire::ParkingMessage& message) {
  switch (message.kind_case()) {
    case wire::ParkingMessage::kShut: return take_over();
    case wire::ParkingMessage::kOpen: return give_back();
    case wire::ParkingMessage::kNeighbours:
      if (!netns_) return;
      return handover::put_neighbours(netns_.get(), workload_link_, neighbours_from(message.neighbours().neighbours()));
    case wire::ParkingMessage::kFrames:
      for (const auto& frame : message.frames().frames()) parking_.add_straggler(std::as_bytes(std::span(frame)));
      return;
    default: return;
  }
}

// What was said before a silence may be out of date: the source may have given up since.
void ParkingArrival::take_over() {
  if (silent_ || released_) return;
  parking_.stand_by();
  parking_.take_over();
  lane_.begin_beats();
  wire::ParkingMessage answer;
  answer.mutable_taken();
  lane_.send(answer);
}

void ParkingArrival::give_back() {
  if (released_) return;
  parking_.let_go();
  lane_.send_frames(parking_.give_back());
}

void ParkingArrival::notice_silence() {
  if (committed_ || silent_ || lane_.silent_for() < kSilence) return;
  base::log("parking: the source has been silent for {} ms", kSilence.count());
  silent_ = true;
  parking_.let_go();
}

void ParkingArrival::end() {
  if (!committed_) parking_.let_go();
}

}  // namespace ferry::migration
