// SPDX-License-Identifier: Apache-2.0
#include "migration/lane_sender.h"

#include <sys/eventfd.h>

#include <cerrno>

#include "kernel/slice.h"

namespace ferry::migration {

using transport::FrameType;
using transport::Io;
using transport::Link;

namespace {

constexpr base::milliseconds kMeanwhile{10};  // Ctrl-C and a target that gives up are noticed within this time
// A store that takes memory from a host that swaps may be slow; one that says nothing for so long hangs.
constexpr base::milliseconds kBarrier{60'000};

}  // namespace

LaneSender::LaneSender(std::vector<Link> lanes, Conversation& talk, transport::Pace& pace)
    : lanes_(std::move(lanes)), talk_(talk), pace_(pace), stop_(::eventfd(0, EFD_CLOEXEC)) {
  if (!stop_) throw base::SysError("eventfd", errno, "the lanes");
  for (size_t i = 0; i < lanes_.size(); ++i) threads_.emplace_back([this, i] { work(i); });
}

LaneSender::~LaneSender() { stop(); }

std::vector<Link> LaneSender::release() {
  stop();
  threads_.clear();
  return std::move(lanes_);
}

void LaneSender::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  const uint64_t one = 1;
  base::write_full(stop_.get(), std::as_bytes(std::span(&one, 1)));
  changed_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void LaneSender::begin(size_t pieces, Produce produce) {
  {
    const std::lock_guard lock(mutex_);
    produce_ = std::move(produce);
    pieces_ = pieces;
    next_ = 0;
    busy_ = lanes_.size();
    ++batch_;
  }
  changed_.notify_all();
}

void LaneSender::finish(const std::function<void()>& meanwhile) {
  if (lanes_.empty()) return send_batch(talk_.link(), 0);
  std::unique_lock lock(mutex_);
  while (busy_ > 0 && !failure_) {
    if (changed_.wait_for(lock, kMeanwhile, [this] { return busy_ == 0 || failure_; })) break;
    lock.unlock();
    meanwhile();
    lock.lock();
  }
  if (failure_) std::rethrow_exception(failure_);
}

void LaneSender::work(size_t lane) {
  kernel::give_way_at_once();
  uint64_t seen = 0;
  try {
    while (wait_for_batch(seen)) {
      send_batch(lanes_[lane], lane);
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) changed_.notify_all();
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

bool LaneSender::wait_for_batch(uint64_t& seen) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || failure_ || batch_ != seen; });
  seen = batch_;
  return !stopping_ && !failure_;
}

void LaneSender::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
  changed_.notify_all();
}

void LaneSender::send_batch(Link& link, size_t worker) {
  const Emit emit = [&](std::span<const std::byte> payload) {
    pace_.wait(payload.size());
    // A lane's peer speaks only when asked; unasked, it is to say that it cannot go on.
    if (&link != &talk_.link() && (link.pending() || base::wait_readable(link.poll_fd(), 0))) receive_answer(link);
    send_frame(link, FrameType::kPages, payload);
  };
  for (size_t piece; (piece = next_++) < pieces_;) {
    produce_(piece, worker, emit);
    std::this_thread::yield();  // the workload and its clients may be waiting for this CPU (docs/experiments.md)
  }
  mark(link);
}

// What was sent before it is stored once it is answered.
void LaneSender::mark(Link& link) {
  wire::ToTarget mark;
  mark.mutable_lane_mark();
  const std::string bytes = mark.SerializeAsString();
  send_frame(link, FrameType::kMessage, std::as_bytes(std::span(bytes)));
  receive_answer(link);
}

void LaneSender::receive_answer(Link& link) {
  transport::Frame frame;
  wire::ToSource answer;
  const Io received = link.recv(frame, base::mono_now() + kBarrier, stop_.get());
  if (received == Io::kWoken) throw Cancelled();
  if (received == Io::kTimeout) throw LinkLost(talk_.peer(), "it does not come to store what was sent");
  if (received == Io::kClosed) throw LinkLost(talk_.peer(), link.close_reason());
  if (!answer.ParseFromString(std::string(frame.text()))) throw BrokenProtocol("an answer on a lane cannot be read");
  if (answer.has_failure()) throw PeerFailure(answer.failure());
  if (!answer.has_lane_answer()) throw BrokenProtocol("a mark was not answered");
}

void LaneSender::send_frame(Link& link, FrameType type, std::span<const std::byte> payload) {
  const Io sent = link.send(type, payload, stop_.get());
  if (sent == Io::kDone) {
    bytes_sent_ += payload.size() + transport::kHeaderBytes;
    return;
  }
  if (sent == Io::kWoken) throw Cancelled();
  throw LinkLost(talk_.peer(), sent == Io::kTimeout ? "it takes no more data" : link.close_reason());
}

}  // namespace ferry::migration
