// SPDX-License-Identifier: Apache-2.0
#include "transport/link.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/fault.h"
#include "base/fd.h"

namespace ferry::transport {
namespace {

using base::mono_now;
using base::MonoTime;

// Header and the start of the payload go out together: one TLS record (16 KiB), one packet for a
// short message.
constexpr size_t kFirstBytes = 16384;

int poll_ms(MonoTime deadline) {
  if (deadline == kNoDeadline) return -1;
  constexpr auto kLongest =
      std::chrono::hours(1);  // poll(2) takes an int; longer waits come round again
  return base::ms_until(std::min(deadline, mono_now() + kLongest));
}

bool is_woken(int wake_fd) { return wake_fd >= 0 && base::wait_readable(wake_fd, 0); }

// Until `fd` is ready for what `step` wants.
Io wait_for(const Channel& channel, Step step, MonoTime deadline, int wake_fd) {
  const bool reads = step == Step::kWantRead;
  pollfd entries[2] = {{reads ? channel.read_fd() : channel.write_fd(),
                        static_cast<short>(reads ? POLLIN : POLLOUT), 0},
                       {wake_fd, POLLIN, 0}};  // a negative descriptor is passed over
  for (;;) {
    const int ready = ::poll(entries, 2, poll_ms(deadline));
    if (ready < 0 && errno != EINTR) throw base::SysError("poll", errno, "");
    if (ready > 0) return entries[1].revents != 0 ? Io::kWoken : Io::kDone;
    if (mono_now() >= deadline) return Io::kTimeout;
  }
}

}  // namespace

// What a send in progress may wait for.
struct Link::Wait {
  int wake_fd;
  base::milliseconds stall;
  MonoTime give_up = kNoDeadline;  // set when it was woken

  // kDone: ready, go on.
  Io until_ready(const Channel& channel, Step step) {
    const MonoTime stalled = mono_now() + stall;
    for (;;) {
      const Io result = wait_for(channel, step, std::min(stalled, give_up), wake_fd);
      if (result == Io::kTimeout) return give_up < stalled ? Io::kWoken : Io::kTimeout;
      if (result == Io::kDone) return result;
      give_up = mono_now() + kWakeGrace;
      wake_fd = kNoWake;  // it stays readable: look at it once
    }
  }
};

Link::Link(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}

std::string Link::close_reason() const {
  if (!channel_->close_reason().empty()) return channel_->close_reason();
  return torn_ ? "given up in the middle of a frame" : "closed here";
}

void Link::close() {
  if (channel_) channel_->close();
  closed_ = true;
}

Io Link::tear(Io why) {
  torn_ = true;
  return why;
}

Io Link::write_all(std::span<const std::byte> data, Wait& wait) {
  while (!data.empty()) {
    const Moved moved = channel_->write_some(data);
    if (moved.step == Step::kClosed) return Io::kClosed;
    if (moved.step == Step::kMoved) {
      bytes_sent_ += moved.bytes;
      data = data.subspan(moved.bytes);
    } else if (const Io io = wait.until_ready(*channel_, moved.step); io != Io::kDone) {
      return tear(io);
    }
  }
  return Io::kDone;
}

Io Link::flush_all(Wait& wait) {
  for (;;) {
    const Step step = channel_->flush();
    if (step == Step::kMoved) return Io::kDone;
    if (step == Step::kClosed) return Io::kClosed;
    if (const Io io = wait.until_ready(*channel_, step); io != Io::kDone) return tear(io);
  }
}

Io Link::send(FrameType type, std::span<const std::byte> payload, int wake_fd,
              base::milliseconds stall) {
  if (torn_ || closed_) return Io::kClosed;
  if (is_woken(wake_fd)) return Io::kWoken;
  const HeaderBytes header = encode_header(type, payload);
  std::byte first[kFirstBytes];
  size_t with_header = std::min(payload.size(), kFirstBytes - kHeaderBytes);
  std::memcpy(first, header.data(), kHeaderBytes);
  if (with_header > 0) std::memcpy(first + kHeaderBytes, payload.data(), with_header);
  // The last byte copied: of the payload, or of the checksum when there is none.
  if (base::fault_due("channel.frame", "corrupt"))
    first[kHeaderBytes + with_header - 1] ^= std::byte{1};
  const bool truncate = base::fault_due("channel.frame", "truncate");
  if (truncate) {
    with_header = std::min(with_header, payload.size() / 2);
    payload = payload.first(payload.size() / 2);
  }
  Wait wait{wake_fd, stall};
  Io io =
      write_all({first, kHeaderBytes + with_header - (truncate && payload.empty() ? 1 : 0)}, wait);
  if (io == Io::kDone) io = write_all(payload.subspan(with_header), wait);
  if (io == Io::kDone) io = flush_all(wait);
  if (!truncate) return io;
  close();
  return Io::kClosed;
}

Io Link::send(FrameType type, std::string_view payload, int wake_fd, base::milliseconds stall) {
  return send(type, std::as_bytes(std::span(payload)), wake_fd, stall);
}

Io Link::fill(std::span<std::byte> into, size_t& have, MonoTime deadline, int wake_fd) {
  while (have < into.size()) {
    const Moved moved = channel_->read_some(into.subspan(have));
    if (moved.step == Step::kClosed) return Io::kClosed;
    if (moved.step == Step::kMoved) {
      have += moved.bytes;
      bytes_received_ += moved.bytes;
    } else if (const Io io = wait_for(*channel_, moved.step, deadline, wake_fd); io != Io::kDone) {
      return io;
    }
  }
  return Io::kDone;
}

Io Link::recv(Frame& frame, MonoTime deadline, int wake_fd) {
  if (closed_) return Io::kClosed;
  if (is_woken(wake_fd)) return Io::kWoken;
  try {
    return recv_frame(frame, deadline, wake_fd);
  } catch (...) {
    close();  // where the next frame would begin is not known any more
    throw;
  }
}

Io Link::recv_frame(Frame& frame, MonoTime deadline, int wake_fd) {
  const bool had_header = header_have_ == kHeaderBytes;
  Io io = fill(header_bytes_, header_have_, deadline, wake_fd);
  if (io == Io::kDone && !had_header) {
    header_ = decode_header(header_bytes_);
    payload_.resize(header_.length);
    payload_have_ = 0;
  }
  if (io == Io::kDone) io = fill(payload_, payload_have_, deadline, wake_fd);
  if (io == Io::kClosed && header_have_ > 0) {
    throw base::Error({"peer closed in the middle of a frame", close_reason(), "", {}, {}});
  }
  if (io != Io::kDone) return io;
  verify_payload(header_, payload_);
  header_have_ = 0;
  frame.type = header_.type;
  frame.payload.swap(payload_);  // its old buffer takes the next frame
  return Io::kDone;
}

}  // namespace ferry::transport
