// SPDX-License-Identifier: Apache-2.0
//
// The checksum of ICMPv6 and TCP (RFC 1071), over a pseudo header and the message, added piece by piece.
#pragma once

#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>

namespace ferry::handover {

class InternetChecksum {
 public:
  explicit InternetChecksum(size_t length_and_protocol) : sum_(static_cast<uint32_t>(length_and_protocol)) {}
  void add(const void* data, size_t size) {  // an even number of bytes
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t at = 0; at < size; at += 2) sum_ += uint32_t{bytes[at]} << 8 | bytes[at + 1];
  }
  // As it stands in the header.
  uint16_t value() const {
    uint32_t sum = sum_;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return htons(static_cast<uint16_t>(~sum));
  }

 private:
  uint32_t sum_;
};

}  // namespace ferry::handover
