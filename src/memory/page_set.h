// SPDX-License-Identifier: Apache-2.0
//
// A set of pages as sorted, disjoint, non-adjacent ranges: what was written, what is present, what has been sent.
// Millions of ranges are usual (a random writer), so it is one vector. Inserting in ascending order is free; other
// inserts are gathered and merged at the next look, which therefore is not for two threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "kernel/userfaultfd.h"

namespace ferry::memory {

using kernel::AddressRange;

// What everything in this directory counts in. Where the kernel's pages are larger (some arm64 kernels) probe() finds
// no tracker and stop mode remains.
inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t page_of(uint64_t address) { return address / kPageBytes; }
inline constexpr AddressRange pages_around(AddressRange bytes) {
  return {page_of(bytes.start) * kPageBytes, page_of(bytes.end + kPageBytes - 1) * kPageBytes};
}

class PageSet {
 public:
  PageSet() = default;
  PageSet(std::initializer_list<AddressRange> ranges);

  // Multiples of kPageBytes; empty ranges are nothing.
  void insert(AddressRange range);
  void insert(const PageSet& other);
  void erase(AddressRange range);
  void erase(const PageSet& other);
  void clear();

  PageSet intersection(const PageSet& other) const;
  PageSet difference(const PageSet& other) const;  // here and not in `other`
  PageSet within(AddressRange range) const;

  bool contains(uint64_t address) const;
  bool covers(AddressRange range) const;    // all of it
  bool intersects(AddressRange range) const;
  // The range that holds `address`, or the first one after it.
  std::optional<AddressRange> find_from(uint64_t address) const;

  bool empty() const { return ranges().empty(); }
  uint64_t pages() const;
  uint64_t bytes() const { return pages() * kPageBytes; }
  // Sorted, disjoint, not adjacent. Valid until the set changes.
  const std::vector<AddressRange>& ranges() const;
  auto begin() const { return ranges().begin(); }
  auto end() const { return ranges().end(); }
  bool operator==(const PageSet& other) const { return ranges() == other.ranges(); }

  // One to three bytes per boundary for memory that is near to other memory (varints of the distances).
  std::vector<std::byte> encode() const;
  // Throws Error on what encode() cannot have made.
  static PageSet decode(std::span<const std::byte> bytes);

 private:
  void merge_pending() const;
  mutable std::vector<AddressRange> sorted_;
  mutable std::vector<AddressRange> pending_;
};

}  // namespace ferry::memory
