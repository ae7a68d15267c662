// SPDX-License-Identifier: Apache-2.0
//
// A cable with a delay: two TAP devices, and two threads that carry the frames from one to the other, each frame a
// fixed time after it came. (The kernel's own tool for this, netem, is not in every kernel.)
//
// The TAPs speak virtio_net_hdr: large TCP segments go through whole, checksums are left open as on a veth. That is
// what makes it fast: one read and one write per 64 KiB.
#pragma once

#include <chrono>
#include <string>
#include <thread>

#include "base/fd.h"

namespace ferry::lab {

// Bytes on their way in one direction; when it is full the TAP's own queue fills, and then frames are lost, as on a
// real link. 32 MiB are 268 ms of 1 Gbit/s.
inline constexpr size_t kMostBytesOnTheWay = 32 << 20;

// Makes a TAP in the calling thread's network namespace. It vanishes with the descriptor.
base::Fd open_cable_end(const std::string& name);

class Relay {
 public:
  Relay(base::Fd one, base::Fd other, std::chrono::nanoseconds delay);
  ~Relay();  // stops; what is on the way is lost
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

 private:
  base::Fd one_, other_, stop_;
  std::thread there_, back_;
};

}  // namespace ferry::lab
