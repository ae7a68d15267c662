// SPDX-License-Identifier: Apache-2.0
//
// The source's end of the lanes: one thread each, which makes frames of the work that is there and sends them. A batch of work ends with
// a barrier: a mark on every lane, answered when all before it is in the target's store. So pages of one round can take any
// lane, and those of the next never overtake them.
//
// Without lanes (a move through the SSH pipe) the caller's own thread does the same on the link of the messages.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "migration/conversation.h"
#include "transport/lanes.h"
#include "transport/pace.h"

namespace ferry::migration {

class LaneSender {
 public:
  using Emit = std::function<void(std::span<const std::byte> payload)>;
  // Makes the frames of one piece of work; `worker` tells the threads' buffers apart. Called by several threads at once.
  using Produce = std::function<void(size_t piece, size_t worker, const Emit& emit)>;

  LaneSender(std::vector<transport::Link> lanes, Conversation& talk, transport::Pace& pace);
  ~LaneSender();
  LaneSender(const LaneSender&) = delete;
  LaneSender& operator=(const LaneSender&) = delete;

  size_t workers() const { return std::max<size_t>(lanes_.size(), 1); }
  // Returns at once, the lanes go to work; without lanes finish() does it all.
  void begin(size_t pieces, Produce produce);
  // Until everything has been sent and stored. `meanwhile` is called now and then; what it throws (a cancelled move) ends
  // the lanes. Throws what a lane has thrown: LinkLost, PeerFailure, an Error of `produce`.
  void finish(const std::function<void()>& meanwhile);

  uint64_t bytes_sent() const { return bytes_sent_; }
  // For other work on them; idle lanes only. Nothing can be sent afterwards.
  std::vector<transport::Link> release();

 private:
  void stop();
  void work(size_t lane);
  bool wait_for_batch(uint64_t& seen);
  void send_batch(transport::Link& link, size_t worker);
  void mark(transport::Link& link);
  void receive_answer(transport::Link& link);
  void send_frame(transport::Link& link, transport::FrameType type, std::span<const std::byte> payload);
  void fail(std::exception_ptr failure);

  std::vector<transport::Link> lanes_;
  Conversation& talk_;
  transport::Pace& pace_;
  base::Fd stop_;  // readable: the lanes end
  std::atomic<uint64_t> bytes_sent_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t batch_ = 0;      // of work; one more with each begin()
  size_t busy_ = 0;         // lanes that have not finished the batch
  bool stopping_ = false;
  std::exception_ptr failure_;
  Produce produce_;
  size_t pieces_ = 0;
  std::atomic<size_t> next_ = 0;  // piece

  std::vector<std::thread> threads_;
};

}  // namespace ferry::migration
