// SPDX-License-Identifier: Apache-2.0
//
// A TAP device (drivers/net/tun.c): a link whose other end is this process. What the link sends waits in its queue to be read, each
// frame whole and with its checksums, as on a wire; what is written comes in on it. It is not persistent: it goes with the last
// descriptor, whatever ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/fd.h"

namespace ferry::kernel {

// The largest frame that a link can carry (an MTU is at most 65535), with its Ethernet header and a VLAN tag.
inline constexpr size_t kMostFrameBytes = 65535 + 18;

// What is left to be done to a frame of this host's own: struct virtio_net_hdr (whose header is no C++).
struct Unfinished {
  uint8_t flags = 0, gso_type = 0;
  uint16_t header_bytes = 0, segment_bytes = 0, checksum_start = 0, checksum_offset = 0;
};
static_assert(sizeof(Unfinished) == 10);

class Tap {
 public:
  // kYes: what is read may be as large as the sender has left it (TCP over IPv4), and without its checksum.
  enum class Large { kNo, kYes };

  // In the calling thread's network namespace, down. The kernel puts a number for %d in `pattern`. Throws SysError.
  explicit Tap(const std::string& pattern, Large large = Large::kNo);
  // One that is there already, by a descriptor of it.
  explicit Tap(base::Fd shared);

  const std::string& name() const { return name_; }
  int fd() const { return fd_.get(); }  // readable: a frame waits
  // The next frame, in `buffer` (of kMostFrameBytes); nothing when none waits. Throws SysError.
  std::optional<std::span<const std::byte>> try_read(std::span<std::byte> buffer) const {
    Unfinished nothing;
    return try_read(buffer, nothing);
  }
  // `unfinished`: with Large::kYes, what is left to be done to it.
  std::optional<std::span<const std::byte>> try_read(std::span<std::byte> buffer, Unfinished& unfinished) const;
  void write(std::span<const std::byte> frame) const { write(frame, {}); }
  // `unfinished`: what is left to be done (checksum, segments), as a packet socket tells it of a frame of this host's own.
  void write(std::span<const std::byte> frame, const Unfinished& unfinished) const;

 private:
  base::Fd fd_;
  std::string name_;
};

}  // namespace ferry::kernel
