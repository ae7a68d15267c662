// SPDX-License-Identifier: Apache-2.0
//
// What the target has of a memory that tasks share, page by page, told by a hash (xxh3, 128 bits):
// two pages of different content have the same one with a probability that no amount of memory
// makes worth a thought; who makes such pages on purpose harms himself alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "memory/page_set.h"

namespace ferry::memory {

class SharedPages {
 public:
  struct Hash {
    uint64_t low = 0, high = 0;  // both 0: nothing but zeros, as all are at first
    bool operator==(const Hash&) const = default;
  };
  // `content` is empty where there are zeros now.
  using Changed = std::function<void(uint64_t page, std::span<const std::byte> content, Hash hash)>;

  void grow(uint64_t pages);
  // What of the pages [first, end) of `file` is not as it is noted, in order. What lies beyond the
  // file's end is zero. Several threads may look at a time. Throws SysError.
  void look(int file, uint64_t first, uint64_t end, const Changed& changed) const;
  void note(uint64_t page, Hash hash) { noted_.at(page) = hash; }

 private:
  void look_at_zeros(uint64_t first, uint64_t end, const Changed& changed) const;
  std::vector<Hash> noted_;
};

}  // namespace ferry::memory
