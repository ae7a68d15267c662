// SPDX-License-Identifier: Apache-2.0
//
// Frames over a channel: what the source and the target talk through. One thread per link; calls
// block until they are done, but never longer than a deadline, a stall bound, or until `wake_fd`
// becomes readable (Ctrl-C).
//
//     switch (link.recv(frame, deadline, wake_fd)) {
//       case Io::kDone:    …  frame is whole and its checksum is right
//       case Io::kClosed:  …  the peer has gone; link.close_reason() says how
//       case Io::kTimeout: …  nothing whole yet; what came so far is kept, call again
//       case Io::kWoken:   …  the same; wake_fd stays readable until its owner drains it
//     }
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "transport/channel.h"
#include "transport/frame.h"

namespace ferry::transport {

enum class Io { kDone, kClosed, kTimeout, kWoken };

inline constexpr base::MonoTime kNoDeadline = base::MonoTime::max();
inline constexpr int kNoWake = -1;

// No byte of a frame went out for this long: the peer hangs. Longer than any pause of a living one
// (it may be writing a large frame to a slow disk), shorter than people's patience.
inline constexpr base::milliseconds kStallTimeout{20'000};
// A frame in progress when wake_fd fires gets this long to finish, so that an "abort" can still
// follow it.
inline constexpr base::milliseconds kWakeGrace{500};

class Link {
 public:
  explicit Link(std::unique_ptr<Channel> channel);
  Link(Link&&) noexcept = default;
  Link& operator=(Link&&) noexcept = default;
  ~Link() { close(); }

  // Sends one frame; `payload` is at most kMaxPayloadBytes. Results other than kDone:
  //   kWoken    wake_fd was readable before the first byte: nothing was sent, the link is whole
  //             (to say goodbye after Ctrl-C, send without wake_fd); or the frame in progress did
  //             not finish within kWakeGrace: the link is torn
  //   kTimeout  nothing moved for `stall`: torn
  //   kClosed   the peer has gone
  // A torn link sends nothing any more (kClosed); the peer sees it close in the middle of a frame.
  [[nodiscard]] Io send(FrameType type, std::span<const std::byte> payload, int wake_fd = kNoWake,
                        base::milliseconds stall = kStallTimeout);
  [[nodiscard]] Io send(FrameType type, std::string_view payload, int wake_fd = kNoWake,
                        base::milliseconds stall = kStallTimeout);

  // Receives one frame into `frame` (its buffer is used again). Throws Error on a corrupt frame and
  // when the peer closed in the middle of one; the link is of no use afterwards.
  [[nodiscard]] Io recv(Frame& frame, base::MonoTime deadline = kNoDeadline, int wake_fd = kNoWake);

  // For a caller that polls several things: recv() may have work when this is readable or pending()
  // is true.
  int poll_fd() const { return channel_->read_fd(); }
  bool pending() const { return channel_->pending(); }

  // Frames with their headers, without what TLS or SSH add.
  uint64_t bytes_sent() const { return bytes_sent_; }
  uint64_t bytes_received() const { return bytes_received_; }

  bool torn() const { return torn_; }
  std::string close_reason() const;
  // The peer's recv() gives kClosed after everything that was sent before; but bytes that came and
  // were not received yet turn a TCP close into a reset, which may overtake them. Idempotent.
  void close();

 private:
  struct Wait;
  Io write_all(std::span<const std::byte> data, Wait& wait);
  Io flush_all(Wait& wait);
  Io tear(Io why);
  Io recv_frame(Frame& frame, base::MonoTime deadline, int wake_fd);
  // Fills `into` from `have` on; kDone when full.
  Io fill(std::span<std::byte> into, size_t& have, base::MonoTime deadline, int wake_fd);

  std::unique_ptr<Channel> channel_;
  bool torn_ = false, closed_ = false;
  uint64_t bytes_sent_ = 0, bytes_received_ = 0;
  // The frame that is being received; survives timeouts and wake-ups.
  HeaderBytes header_bytes_{};
  size_t header_have_ = 0;
  FrameHeader header_;
  std::vector<std::byte> payload_;
  size_t payload_have_ = 0;
};

}  // namespace ferry::transport
