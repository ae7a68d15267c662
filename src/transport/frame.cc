// SPDX-License-Identifier: Apache-2.0
#include "transport/frame.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "base/error.h"

namespace ferry::transport {
namespace {

constexpr size_t kTypeAt = 4, kChecksumAt = 5;

void put_little(std::byte* to, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

uint64_t get_little(const std::byte* from, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= std::to_integer<uint64_t>(from[i]) << (8 * i);
  return value;
}

uint64_t checksum(std::span<const std::byte> payload) {
  return XXH3_64bits(payload.data(), payload.size());
}

[[noreturn]] void corrupt(std::string why) {
  throw base::Error({"corrupt frame",
                     std::move(why),
                     "run it again; when it happens again, suspect a host's memory or network card",
                     {},
                     {}});
}

}  // namespace

HeaderBytes encode_header(FrameType type, std::span<const std::byte> payload) {
  CHECK(payload.size() <= kMaxPayloadBytes);
  HeaderBytes bytes;
  put_little(bytes.data(), payload.size(), 4);
  bytes[kTypeAt] = static_cast<std::byte>(type);
  put_little(bytes.data() + kChecksumAt, checksum(payload), 8);
  return bytes;
}

FrameHeader decode_header(const HeaderBytes& bytes) {
  const uint64_t length = get_little(bytes.data(), 4);
  const auto type = std::to_integer<uint8_t>(bytes[kTypeAt]);
  if (type < static_cast<uint8_t>(FrameType::kMessage) ||
      type > static_cast<uint8_t>(FrameType::kPages)) {
    corrupt(fmt::format("there is no frame type {}", type));
  }
  if (length > kMaxPayloadBytes) {
    corrupt(fmt::format("it claims {} bytes, more than the {} that are allowed", length,
                        kMaxPayloadBytes));
  }
  return {static_cast<uint32_t>(length), static_cast<FrameType>(type),
          get_little(bytes.data() + kChecksumAt, 8)};
}

void verify_payload(const FrameHeader& header, std::span<const std::byte> payload) {
  CHECK(payload.size() == header.length);
  const uint64_t found = checksum(payload);
  if (found != header.checksum) {
    corrupt(fmt::format("checksum {:016x} of {} bytes is not the sender's {:016x}", found,
                        payload.size(), header.checksum));
  }
}

}  // namespace ferry::transport
