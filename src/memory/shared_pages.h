// SPDX-License-Identifier: Apache-2.0
//
// What the target has of a memory that tasks share, page by page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "memory/page_hash.h"

namespace ferry::memory {

class SharedPages {
 public:
  // `content` is empty where there are zeros now.
  using Changed = std::function<void(uint64_t page, std::span<const std::byte> content, PageHash hash)>;

  void grow(uint64_t pages);
  // What of the pages [first, end) of `file` is not as it is noted, in order. What lies beyond the
  // file's end is zero. Several threads may look at a time. Throws SysError.
  void look(int file, uint64_t first, uint64_t end, const Changed& changed) const;
  void note(uint64_t page, PageHash hash) { noted_.at(page) = hash; }

 private:
  void look_at_zeros(uint64_t first, uint64_t end, const Changed& changed) const;
  std::vector<PageHash> noted_;  // zeros at first
};

}  // namespace ferry::memory
