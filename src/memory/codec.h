// SPDX-License-Identifier: Apache-2.0
//
// Batches of pages on the wire (docs/protocol.md has the same table; all numbers little endian):
//
//     offset  size  field
//     0       1     compression   Compression
//     1       3     zero
//     4       4     space         i32: the pid that names the address space, as the workload sees it
//     8       4     runs          u32, 1 … kMaxRuns
//     12      4     raw           u32: bytes of all data runs, uncompressed; at most kMaxBatchBytes
//     16            runs × {u64 page number << 1 | is_zero, u32 pages}, ascending, disjoint
//     …             payload       the data runs one after the other, compressed as one piece
//
// The checksum is the frame's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "memory/page_set.h"

namespace ferry::memory {

enum class Compression : uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };
const char* to_string(Compression compression);

// Together with the runs and the worst growth of any compression it fits one frame of 4 MiB.
inline constexpr size_t kMaxBatchBytes = size_t{3} << 20;
inline constexpr size_t kMaxRuns = 32768;          // of one page each, alternating: more than kMaxBatchBytes holds
inline constexpr uint32_t kMaxRunPages = 1 << 28;  // a zero run of 1 TiB

struct Run {
  AddressRange range;
  bool zero = false;
  bool operator==(const Run&) const = default;
};

struct Batch {
  int32_t space = 0;
  std::vector<Run> runs;        // ascending, disjoint
  std::vector<std::byte> data;  // of the data runs, one after the other
  void clear();
  // Appends; adjacent runs of one kind become one. False: it is full, send it first (nothing was appended).
  [[nodiscard]] bool try_add_zero(AddressRange range);
  [[nodiscard]] bool try_add_data(AddressRange range, std::span<const std::byte> bytes);
  uint64_t pages() const;
};

// What a batch was on the other side.
struct Decoded {
  int32_t space = 0;
  std::vector<Run> runs;
  std::span<const std::byte> data;  // of the data runs, one after the other; within what was decoded, or the decoder's own
};

// One per thread: keeps its buffers and zstd's context. What compression does not shrink is sent plain.
class Encoder {
 public:
  Encoder();
  ~Encoder();
  Encoder(const Encoder&) = delete;
  // Valid until the next call.
  std::span<const std::byte> encode(const Batch& batch, Compression compression);

 private:
  std::vector<std::byte> buffer_;  // only ever grows: what becomes longer is filled with zeros first
  void* zstd_ = nullptr;
};

class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(const Decoder&) = delete;
  // Throws Error on anything that encode() cannot have made; never reads or writes past an end. Valid until the next call, and
  // as long as `bytes` are.
  const Decoded& decode(std::span<const std::byte> bytes);

 private:
  std::span<const std::byte> unpack(std::span<const std::byte> packed, size_t size, Compression how);

  Decoded decoded_;
  std::vector<std::byte> plain_;  // only ever grows: what becomes longer is filled with zeros first
  void* zstd_ = nullptr;
};

}  // namespace ferry::memory
