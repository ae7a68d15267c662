// SPDX-License-Identifier: Apache-2.0
#include "migration/parking_lane.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "migration/conversation.h"

namespace ferry::migration {

using base::milliseconds;
using transport::FrameType;
using transport::Io;

namespace {

// A lane that takes nothing for so long is none.
constexpr milliseconds kParkingStall{1'000};
constexpr milliseconds kEndPoll{1};
constexpr size_t kMostBytesAtOnce = 1 << 20;  // a message is at most transport::kMaxPayloadBytes

}  // namespace

ParkingLane::ParkingLane(transport::Link link, int extra_fd, Handlers handlers)
    : link_(std::move(link)), extra_fd_(extra_fd), handlers_(std::move(handlers)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      heard_ns_(base::mono_ns()) {
  if (!wake_) throw base::SysError("eventfd", errno, "parking");
  thread_ = std::thread([this] { run(); });
}

ParkingLane::~ParkingLane() {
  post([this] { stop_ = true; });
  thread_.join();
}

void ParkingLane::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(work));
  const uint64_t one = 1;
  base::write_full(wake_.get(), std::as_bytes(std::span(&one, 1)));
}

bool ParkingLane::wait_for_end(milliseconds limit) const {
  const auto deadline = base::mono_now() + limit;
  while (!ended_ && base::mono_now() < deadline) std::this_thread::sleep_for(kEndPoll);
  return ended_;
}

milliseconds ParkingLane::silent_for() const {
  return beats_ && !ended_ ? milliseconds((base::mono_ns() - heard_ns_) / 1'000'000) : milliseconds(0);
}

void ParkingLane::send(const wire::ParkingMessage& message) {
  if (link_.send(FrameType::kMessage, message.SerializeAsString(), transport::kNoWake, kParkingStall) != Io::kDone) {
    throw LinkLost("the other side", "parking: " + link_.close_reason());
  }
}

void ParkingLane::send_frames(std::vector<std::string> frames) {
  wire::ParkingMessage message;
  size_t bytes = 0;
  for (auto& frame : frames) {
    bytes += frame.size();
    message.mutable_frames()->add_frames(std::move(frame));
    if (bytes < kMostBytesAtOnce) continue;
    send(message);
    message.Clear();
    bytes = 0;
  }
  if (message.has_frames()) send(message);
}

void ParkingLane::begin_beats() {
  if (beats_) return;
  heard_ns_ = base::mono_ns();
  beats_ = true;
}

void ParkingLane::run() {
  try {
    serve();
  } catch (const std::exception& lost) {
    base::log("parking: {}", lost.what());
  }
  try {
    if (handlers_.end) handlers_.end();
  } catch (const std::exception& failure) {
    base::log("the end of parking: {}", failure.what());
  }
  link_.close();
  ended_ = true;
  while (!stop_) {  // what is posted is done also without a lane
    pollfd entry{wake_.get(), POLLIN, 0};
    (void)::poll(&entry, 1, -1);
    do_posted();
  }
}

void ParkingLane::serve() {
  while (!stop_) {
    pollfd entries[3] = {{link_.poll_fd(), POLLIN, 0}, {extra_fd_, POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    int wait_ms = beats_ ? base::ms_until(next_beat_) : -1;
    if (link_.pending()) wait_ms = 0;
    if (::poll(entries, 3, wait_ms) < 0 && errno != EINTR) throw base::SysError("poll", errno, "parking");
    const bool heard = entries[0].revents != 0 || link_.pending();
    if (heard) receive();
    if (entries[1].revents != 0 && handlers_.frames) handlers_.frames();
    if (entries[2].revents != 0) do_posted();
    if (!beats_ || base::mono_now() < next_beat_) continue;
    next_beat_ = base::mono_now() + kBeat;
    if (handlers_.beat) handlers_.beat();
    wire::ParkingMessage beat;
    beat.mutable_beat();
    send(beat);
    // Judged only where nothing waits to be heard: it was not we who came late.
    if (!heard && handlers_.silence && !base::wait_readable(link_.poll_fd(), 0)) handlers_.silence();
  }
}

void ParkingLane::receive() {
  transport::Frame frame;
  do {
    const Io result = link_.recv(frame, base::mono_now());
    if (result == Io::kClosed) throw LinkLost("the other side", "parking: " + link_.close_reason());
    if (result != Io::kDone) return;
    wire::ParkingMessage message;
    if (frame.type != FrameType::kMessage || !message.ParseFromString(std::string(frame.text()))) {
      throw BrokenProtocol("what came is not of parking");
    }
    heard_ns_ = base::mono_ns();
    if (!message.has_beat()) handlers_.message(message);
  } while (link_.pending());
}

void ParkingLane::do_posted() {
  uint64_t ignored = 0;
  (void)!::read(wake_.get(), &ignored, sizeof ignored);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& one : work) {
    try {
      one();
    } catch (const std::exception& failure) {  // a lost lane, mostly, which serve() sees, too
      base::log("parking: {}", failure.what());
    }
  }
}

}  // namespace ferry::migration
