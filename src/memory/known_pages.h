// SPDX-License-Identifier: Apache-2.0
//
// Pages that the target has already, told by their content: of memory that CRIU carries in its
// images. Those come into being in the pause, and are then little more than a list of numbers. Both
// sides number the pages in the order in which they were sent.
//
// Two pages of different content have the same hash (xxh3, 128 bits) with a probability that no
// amount of memory makes worth a thought; who makes such pages on purpose harms himself alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "memory/page_set.h"

namespace ferry::memory {

// Pages that follow each other in an image.
struct PageRun {
  static constexpr uint32_t kUnknown = 0, kZero = UINT32_MAX;
  uint32_t known =
      kUnknown;  // else: the number of the first one plus one; kZero: nothing but zeros
  uint32_t count = 0;
  bool operator==(const PageRun&) const = default;
};

// The source's side.
class KnownPages {
 public:
  // False: one of this content is known. Else it has the next number now.
  bool add(std::span<const std::byte, kPageBytes> page);
  size_t size() const { return numbers_.size(); }
  // Of whole pages; what is left over is not in it.
  std::vector<PageRun> runs_of(std::span<const std::byte> content) const;

 private:
  struct Hash {
    uint64_t low, high;
    bool operator==(const Hash&) const = default;
  };
  struct LowHalf {
    size_t operator()(const Hash& hash) const { return hash.low; }
  };
  static Hash hash_of(const std::byte* page);
  uint32_t name_of(const std::byte* page) const;
  std::unordered_map<Hash, uint32_t, LowHalf> numbers_;
};

// The target's side: the pages themselves.
class PageShelf {
 public:
  PageShelf();
  void append(std::span<const std::byte> pages);
  // Writes a run of known pages to `fd` at `offset`. False: there are no such pages.
  bool write(const PageRun& run, int fd, uint64_t offset) const;

 private:
  base::Fd fd_;  // a memfd
  uint64_t bytes_ = 0;
};

}  // namespace ferry::memory
