// SPDX-License-Identifier: Apache-2.0
//
// The wire format of every link, whatever carries it (TLS or the SSH pipe). docs/protocol.md has
// the same table.
//
//     offset  size  field
//     0       4     length    bytes of payload, u32 little endian, at most kMaxPayloadBytes
//     4       1     type      FrameType
//     5       8     checksum  xxh3-64 (seed 0) of the payload, u64 little endian
//     13      length  payload
//
// The checksum is for broken memory, disks and middle boxes; who may send at all is TLS's and SSH's
// business.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ferry::transport {

enum class FrameType : uint8_t {
  kMessage = 1,  // one protobuf message
  kData = 2,     // raw bytes of a stream that a message announced
  kPages = 3,    // pages of the workload's memory (memory/codec.h)
};

inline constexpr size_t kHeaderBytes = 13;
// 4 MiB: large enough that headers and checksums cost nothing, small enough that a peer can make us
// allocate no more than this, and that a frame passes a 100 Mbit/s link in a third of a second.
inline constexpr size_t kMaxPayloadBytes = size_t{4} << 20;

struct Frame {
  FrameType type = FrameType::kMessage;
  std::vector<std::byte> payload;

  std::string_view text() const {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
  }
};

struct FrameHeader {
  uint32_t length = 0;
  FrameType type = FrameType::kMessage;
  uint64_t checksum = 0;
};

using HeaderBytes = std::array<std::byte, kHeaderBytes>;

// `payload` longer than kMaxPayloadBytes is our own bug (CHECK): callers cut their streams.
HeaderBytes encode_header(FrameType type, std::span<const std::byte> payload);
// Throws Error on a length above the bound or an unknown type: "corrupt frame: …".
FrameHeader decode_header(const HeaderBytes& bytes);
// Throws Error when `payload` is not what the sender hashed: "corrupt frame: checksum …".
void verify_payload(const FrameHeader& header, std::span<const std::byte> payload);

}  // namespace ferry::transport
