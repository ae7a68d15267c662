// SPDX-License-Identifier: Apache-2.0
#include "migration/lane_receiver.h"

#include <sys/eventfd.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "kernel/slice.h"
#include "migration/conversation.h"

namespace ferry::migration {

using transport::FrameType;
using transport::Io;
using transport::Link;

namespace {

constexpr base::milliseconds kLanesCome{30'000};  // after the target has said that it is ready
constexpr base::milliseconds kLaneReads{20'000};

}  // namespace

std::string lane_answer() {
  wire::ToSource answer;
  answer.mutable_lane_answer();
  return answer.SerializeAsString();
}

LaneReceiver::LaneReceiver(transport::Listener& listener, const transport::Key& key, int lanes, Take take)
    : listener_(listener), key_(key), take_(std::move(take)), wanted_(lanes), stop_(::eventfd(0, EFD_CLOEXEC)) {
  if (!stop_) throw base::SysError("eventfd", errno, "the lanes");
  acceptor_ = std::thread([this, lanes] { accept(lanes); });
}

LaneReceiver::~LaneReceiver() { stop(); }

std::vector<Link> LaneReceiver::release() {
  stop();
  std::vector<Link> links;
  for (auto& link : links_) links.push_back(std::move(link));
  links_.clear();
  return links;
}

void LaneReceiver::stop() {
  if (!acceptor_.joinable()) return;
  const uint64_t one = 1;
  base::write_full(stop_.get(), std::as_bytes(std::span(&one, 1)));
  acceptor_.join();
  for (auto& lane : lanes_) lane.join();
}

void LaneReceiver::accept(int lanes) {
  try {
    const auto deadline = base::mono_now() + kLanesCome;
    for (int i = 0; i < lanes; ++i) {
      auto lane = transport::accept_lane(listener_, key_, deadline, stop_.get());
      if (!lane) return;
      links_.push_back(std::move(*lane));
      lanes_.emplace_back([this, &link = links_.back()] { serve(link); });
    }
  } catch (const std::exception& failure) {
    base::log("the lanes: {}", failure.what());  // the source finds that it cannot connect
  }
}

void LaneReceiver::serve(Link& lane) {
  kernel::give_way_at_once();
  try {
    transport::Frame frame;
    unsigned round = 0;
    while (lane.recv(frame, transport::kNoDeadline, stop_.get()) == Io::kDone) {
      if (frame.type == FrameType::kPages) {
        take_(frame.payload, round);
        std::this_thread::yield();  // as the sender does
        continue;
      }
      wire::ToTarget message;
      if (!message.ParseFromString(std::string(frame.text())) || !message.has_lane_mark()) {
        throw BrokenProtocol("what came on a lane is no mark");
      }
      ++round;
      ++marks_;
      if (lane.send(FrameType::kMessage, lane_answer(), stop_.get()) != Io::kDone) return;
    }
  } catch (const std::exception& failure) {
    base::log("a lane: {}", failure.what());
    tell(lane, failure);
  }
}

void LaneReceiver::tell(Link& lane, const std::exception& failure) noexcept {
  try {
    wire::ToSource message;
    *message.mutable_failure() = to_failure(failure, false);
    (void)lane.send(FrameType::kMessage, message.SerializeAsString(), stop_.get());
    transport::Frame dropped;  // what is on its way is taken, so that the source comes to read this
    while (lane.recv(dropped, base::mono_now() + kLaneReads, stop_.get()) == Io::kDone) continue;
  } catch (const std::exception& gone) {
    base::log("a lane: {}", gone.what());
  }
}

}  // namespace ferry::migration
