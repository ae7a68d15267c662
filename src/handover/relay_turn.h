// SPDX-License-Identifier: Apache-2.0
//
// What the two threads of a relay's end share (entrance_serving.h, exit_serving.h). There is a
// thread for each way, so that neither waits for the other.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "handover/relay_registry.h"
#include "handover/relay_wire.h"
#include "transport/link.h"

namespace ferry::handover {

struct RelayLanes {
  transport::Link there, back;
};

// From one thread of an end to the one that writes to a lane.
class RelayMail {
 public:
  RelayMail();
  void post(std::string text);  // empty: only wakes
  int fd() const { return fd_.get(); }  // readable: there is some
  std::vector<std::string> take();

 private:
  base::Fd fd_;
  std::mutex mutex_;
  std::vector<std::string> texts_;
};

// What the two threads of an end share: that it is over, and what is counted.
class RelayTurn {
 public:
  RelayTurn();
  void end(const std::string& why);  // the first time counts
  bool is_over() const { return over_; }
  int fd() const { return fd_.get(); }  // readable when it is over
  // Why; runs both, each on a thread of its own, until it is.
  std::string run(const std::function<void()>& one, const std::function<void()>& other);

  std::atomic<uint64_t> bytes_in = 0, bytes_out = 0, dropped = 0;
  std::atomic<int64_t> last_in_ns = 0;  // base::mono_ns(): a packet for the workload

  // Each frame of the lane until it is over; `look` at least every kRelayLook. `stop_fd` ends it.
  void listen(transport::Link& lane, int stop_fd,
              const std::function<void(transport::Frame&)>& each,
              const std::function<void()>& look);
  // False: it is over.
  [[nodiscard]] bool send(transport::Link& lane, transport::FrameType type,
                          std::span<const std::byte> payload);
  // What is in it, if anything, and counted; it is empty then. False: it is over.
  [[nodiscard]] bool send(transport::Link& lane, PacketBatch& batch, std::atomic<uint64_t>& bytes);
  // What is there of it, as messages. False: it is over.
  [[nodiscard]] bool send(transport::Link& lane, RelayMail& mail);
  // Of this moment, in the registry.
  void note(RelayRecord& record) const;

 private:
  std::atomic<bool> over_ = false;
  base::Fd fd_;
  std::mutex mutex_;
  std::string why_;
};

}  // namespace ferry::handover
