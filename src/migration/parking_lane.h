// SPDX-License-Identifier: Apache-2.0
//
// The lane that parking talks on, and the thread that does so beside a busy move: whatever either side waits for meanwhile (a dump, a
// restore), the other hears that it is there. All of the handlers and all that is posted run on that thread, one after the other.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "migration/wire.pb.h"
#include "transport/link.h"

namespace ferry::migration {

class ParkingLane {
 public:
  // Twenty of them are missed before anyone gives up, so a busy host has time to come round.
  static constexpr base::milliseconds kBeat{10};

  struct Handlers {
    std::function<void(const wire::ParkingMessage&)> message;
    std::function<void()> frames;   // the extra descriptor is readable
    std::function<void()> silence;  // with every beat that hears nothing
    std::function<void()> beat;     // with every beat
    std::function<void()> end;      // the last call: the lane is lost, or this object ends
  };

  ParkingLane(transport::Link link, int extra_fd, Handlers handlers);
  ~ParkingLane();
  ParkingLane(const ParkingLane&) = delete;
  ParkingLane& operator=(const ParkingLane&) = delete;

  void post(std::function<void()> work);
  // Waits until the lane has ended, at most so long.
  bool wait_for_end(base::milliseconds limit) const;
  // Since the peer was last heard, while beats are on. Of a lane that has ended nothing can be said: why it has, the move's own link tells.
  base::milliseconds silent_for() const;

  // On the thread:
  void send(const wire::ParkingMessage& message);
  void send_frames(std::vector<std::string> frames);  // none: nothing is sent
  void begin_beats();

 private:
  void run();
  void serve();
  void receive();
  void do_posted();

  transport::Link link_;
  const int extra_fd_;
  const Handlers handlers_;
  base::Fd wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stop_ = false;
  std::atomic<bool> ended_ = false, beats_ = false;
  std::atomic<int64_t> heard_ns_;
  base::MonoTime next_beat_{};
  std::thread thread_;
};

}  // namespace ferry::migration
