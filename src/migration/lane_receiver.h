// SPDX-License-Identifier: Apache-2.0
//
// The target's end of the lanes: takes as many connections as the source announced, one thread each, and hands every frame of
// pages on. A mark is answered when all frames before it on its lane have been taken. A failure is told to the source on the lane where
// it happened, which then ends; the move's own link hears of it from the source.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <span>
#include <thread>
#include <vector>

#include "transport/lanes.h"

namespace ferry::migration {

class LaneReceiver {
 public:
  // Called by several threads at once. `round`: how many marks came before on that lane.
  using Take = std::function<void(std::span<const std::byte> payload, unsigned round)>;

  // `listener` must outlive this object.
  LaneReceiver(transport::Listener& listener, const transport::Key& key, int lanes, Take take);
  ~LaneReceiver();  // ends the lanes
  // How many marks have come on all lanes together: all that was sent before them has been taken.
  unsigned marks() const { return marks_; }
  int lanes() const { return wanted_; }
  // For other work on them, between two frames.
  std::vector<transport::Link> release();
  LaneReceiver(const LaneReceiver&) = delete;
  LaneReceiver& operator=(const LaneReceiver&) = delete;

 private:
  void stop();
  void accept(int lanes);
  void serve(transport::Link& lane);
  void tell(transport::Link& lane, const std::exception& failure) noexcept;

  transport::Listener& listener_;
  const transport::Key key_;
  const Take take_;
  const int wanted_;
  std::atomic<unsigned> marks_ = 0;
  base::Fd stop_;  // readable: everything here ends
  std::list<transport::Link> links_;  // made by the acceptor, as their threads are
  std::list<std::thread> lanes_;      // joined after it
  std::thread acceptor_;
};

// The answer to a mark.
std::string lane_answer();

}  // namespace ferry::migration
