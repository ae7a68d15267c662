// SPDX-License-Identifier: Apache-2.0
//
// A byte stream to the peer that never blocks: TLS over TCP (channel_tls) or two pipes
// (channel_pipe). Link puts frames, deadlines and interruption on top; nothing else calls these
// directly. A channel belongs to one thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ferry::transport {

enum class Step {
  kMoved,      // `bytes` (at least 1) were read or taken
  kWantRead,   // nothing now: try again when read_fd() is readable
  kWantWrite,  // nothing now: try again when write_fd() is writable
  kClosed,     // end of the stream, or the connection is lost: close_reason() says which
};

struct Moved {
  Step step = Step::kClosed;
  size_t bytes = 0;
};

class Channel {
 public:
  virtual ~Channel() = default;

  // Both throw Error where the stream is not what the peer sent (a TLS record that does not
  // decrypt).
  [[nodiscard]] virtual Moved read_some(std::span<std::byte> into) = 0;
  // May take bytes that are not on their way yet: flush() until kMoved before waiting for an
  // answer. After kWantWrite the same bytes are offered again.
  [[nodiscard]] virtual Moved write_some(std::span<const std::byte> from) = 0;
  // kMoved: everything that was taken is with the kernel.
  [[nodiscard]] virtual Step flush() = 0;

  virtual int read_fd() const = 0;
  virtual int write_fd() const = 0;
  // True when read_some() may have bytes although read_fd() is not readable (they are decrypted
  // already).
  virtual bool pending() const = 0;
  // Says goodbye without waiting, then closes the descriptors.
  virtual void close() = 0;
  virtual const std::string& close_reason()
      const = 0;  // "closed by the peer", "Connection reset by peer"
};

}  // namespace ferry::transport
