// SPDX-License-Identifier: Apache-2.0
#include "transport/frame.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace ferry::transport {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string error_of(const HeaderBytes& header, std::string_view payload) {
  try {
    const FrameHeader decoded = decode_header(header);
    if (decoded.length != payload.size()) return "length";
    verify_payload(decoded, bytes_of(payload));
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(Frame, HeaderHasTheDocumentedLayout) {
  const HeaderBytes header = encode_header(FrameType::kData, bytes_of("abc"));
  EXPECT_EQ(header[0], std::byte{3});
  EXPECT_EQ(header[1], std::byte{0});
  EXPECT_EQ(header[4], std::byte{2});
  // xxh3-64 of "abc" is 78af5f94892f3950 in the reference implementation.
  EXPECT_EQ(header[5], std::byte{0x50});
  EXPECT_EQ(header[12], std::byte{0x78});
}

TEST(Frame, RoundTrip) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65536}, kMaxPayloadBytes}) {
    const std::string payload(size, 'x');
    const HeaderBytes header = encode_header(FrameType::kMessage, bytes_of(payload));
    EXPECT_EQ(error_of(header, payload), "") << size;
    EXPECT_EQ(decode_header(header).type, FrameType::kMessage);
  }
}

TEST(Frame, OversizeIsRefusedBeforeAnyAllocation) {
  HeaderBytes header = encode_header(FrameType::kData, {});
  header[3] = std::byte{0xff};
  EXPECT_NE(error_of(header, "").find("corrupt frame: it claims 4278190080 bytes"),
            std::string::npos);
}

TEST(Frame, UnknownTypeIsRefused) {
  HeaderBytes header = encode_header(FrameType::kData, {});
  header[4] = std::byte{9};
  EXPECT_NE(error_of(header, "").find("no frame type 9"), std::string::npos);
}

TEST(Frame, EveryFlippedBitIsNoticed) {
  const std::string payload = "the quick brown fox";
  const HeaderBytes good = encode_header(FrameType::kMessage, bytes_of(payload));
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    std::string bad = payload;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(error_of(good, bad).find("corrupt frame: checksum"), std::string::npos);
  }
  // The type is not under the checksum: see UnknownTypeIsRefused.
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    HeaderBytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    if (bit / 8 == 4) continue;
    EXPECT_NE(error_of(bad, payload), "") << bit;
  }
}

TEST(Frame, RandomHeadersNeverCrash) {
  std::mt19937_64 random(42);
  for (int i = 0; i < 100'000; ++i) {
    HeaderBytes header;
    for (std::byte& b : header) b = static_cast<std::byte>(random());
    if (i % 2) header[3] = header[4] = std::byte{1};
    EXPECT_NE(error_of(header, "payload"), "");
  }
}

}  // namespace
}  // namespace ferry::transport
