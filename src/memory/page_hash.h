// SPDX-License-Identifier: Apache-2.0
//
// A page told by a hash (xxh3, 128 bits): two pages of different content have the same one with a probability that no
// amount of memory makes worth a thought; who makes such pages on purpose harms himself alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace ferry::memory {

struct PageHash {
  uint64_t low = 0, high = 0;  // both 0: nothing but zeros
  bool operator==(const PageHash&) const = default;
};

// Of kPageBytes.
PageHash hash_of_page(const std::byte* page);

}  // namespace ferry::memory

template <>
struct std::hash<ferry::memory::PageHash> {
  size_t operator()(const ferry::memory::PageHash& page) const noexcept { return page.low; }
};
