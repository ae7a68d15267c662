// SPDX-License-Identifier: Apache-2.0
//
// The target's half of image_sender.h: the pages that have come ahead, or in images, by the order in which they came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace ferry::migration {

// What comes after so many is not remembered, on either side.
inline constexpr uint32_t kMostKnownPages = 65536;  // 256 MiB

class KnownPages {
 public:
  void add(std::span<const std::byte> pages);            // throws BrokenProtocol
  std::span<const std::byte> at(uint32_t number) const;  // the same

 private:
  std::deque<std::vector<std::byte>> pages_;
};

}  // namespace ferry::migration
