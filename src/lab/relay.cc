// SPDX-License-Identifier: Apache-2.0
#include "lab/relay.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "base/error.h"

namespace ferry::lab {

using base::SysError;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t kLargestFrame = 80 << 10;  // 64 KiB of segment and its headers
constexpr int kBatch = 64;                  // frames read before those that are due get their turn
constexpr unsigned long kTimerSlack_ns = 1'000;  // the default of 50 µs would be added to every frame

struct Frame {
  Clock::time_point due;
  std::unique_ptr<char[]> data;
  size_t size;
};

class Direction {
 public:
  Direction(int from, int to, int stop, nanoseconds delay)
      : from_(from), to_(to), stop_(stop), delay_(delay), buffer_(kLargestFrame) {}

  void run() {
    ::prctl(PR_SET_TIMERSLACK, kTimerSlack_ns);
    ::prctl(PR_SET_NAME, "lab-cable");
    while (wait()) {
      take_in();
      pass_on();
    }
  }

 private:
  // Until there is something to do; false: it is over.
  bool wait() {
    pollfd entries[2] = {{stop_, POLLIN, 0}, {bytes_ < kMostBytesOnTheWay ? from_ : -1, POLLIN, 0}};
    timespec left{};
    if (!frames_.empty()) {
      const auto ns = std::max(nanoseconds(0), nanoseconds(frames_.front().due - Clock::now()));
      left = {ns.count() / 1'000'000'000, ns.count() % 1'000'000'000};
    }
    if (::ppoll(entries, 2, frames_.empty() ? nullptr : &left, nullptr) < 0 && errno != EINTR) return false;
    return entries[0].revents == 0;
  }

  void take_in() {
    for (int i = 0; i < kBatch && bytes_ < kMostBytesOnTheWay; ++i) {
      const ssize_t got = ::read(from_, buffer_.data(), buffer_.size());
      if (got <= 0) return;
      const auto size = static_cast<size_t>(got);
      frames_.push_back({Clock::now() + delay_, std::make_unique_for_overwrite<char[]>(size), size});
      std::memcpy(frames_.back().data.get(), buffer_.data(), size);
      bytes_ += size;
    }
  }

  void pass_on() {
    const auto now = Clock::now();
    while (!frames_.empty() && frames_.front().due <= now) {
      const Frame& frame = frames_.front();
      // A link that is down takes nothing: the frame is lost.
      [[maybe_unused]] const ssize_t put = ::write(to_, frame.data.get(), frame.size);
      bytes_ -= frame.size;
      frames_.pop_front();
    }
  }

  int from_, to_, stop_;
  nanoseconds delay_;
  std::vector<char> buffer_;
  std::deque<Frame> frames_;
  size_t bytes_ = 0;
};

}  // namespace

base::Fd open_cable_end(const std::string& name) {
  base::Fd tap = base::open_file("/dev/net/tun", O_RDWR | O_NONBLOCK);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  CHECK(name.size() < sizeof request.ifr_name);
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(tap.get(), TUNSETIFF, &request) < 0) throw SysError("TUNSETIFF", errno, name);
  if (::ioctl(tap.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0) {
    throw SysError("TUNSETOFFLOAD", errno, name);
  }
  return tap;
}

Relay::Relay(base::Fd one, base::Fd other, nanoseconds delay)
    : one_(std::move(one)), other_(std::move(other)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  if (!stop_) throw SysError("eventfd", errno, "");
  there_ = std::thread([this, delay] { Direction(one_.get(), other_.get(), stop_.get(), delay).run(); });
  back_ = std::thread([this, delay] { Direction(other_.get(), one_.get(), stop_.get(), delay).run(); });
}

Relay::~Relay() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(stop_.get(), &one, sizeof one);
  there_.join();
  back_.join();
}

}  // namespace ferry::lab
