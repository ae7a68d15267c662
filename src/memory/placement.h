// SPDX-License-Identifier: Apache-2.0
//
// Where the pages of a backing belong in one restored address space. At first each stands at its
// own address. The workload that runs while it is being filled changes that: what it unmaps or
// drops has no place any more, what it moves (mremap) has another. A forked child starts with a
// copy of its parent's. No page is moved or copied for any of this.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "memory/page_set.h"

namespace ferry::memory {

class Placement {
 public:
  struct Piece {
    AddressRange at;        // in the restored address space
    uint64_t position = 0;  // in the backing, of the first byte
  };

  Placement();  // everything at its own address

  // MADV_DONTNEED, munmap: what was there is zero, or not mapped.
  void remove(AddressRange at);
  // mremap: what was at `from` is now at `to`; nothing is left at `from`.
  void move(uint64_t from, uint64_t to, uint64_t bytes);

  // The run of pages from `address` on that has a place in one piece, within `end`. Nothing: the
  // page at `address` comes from nowhere (it is zero).
  std::optional<Piece> find(uint64_t address, uint64_t end) const;
  // The end of the run from `address` on that comes from nowhere, within `end`.
  uint64_t end_of_nowhere(uint64_t address, uint64_t end) const;
  // Where pages of the backing go. Pieces ascend by position; what is not in them has no place.
  std::vector<Piece> places_of(AddressRange positions) const;
  size_t pieces() const { return by_address_.size(); }

 private:
  struct Part {
    uint64_t end = 0, other = 0;  // `other`: position of an address, address of a position
  };
  void insert(AddressRange at, uint64_t position);
  std::map<uint64_t, Part> by_address_;
  std::map<uint64_t, Part> by_position_;
};

}  // namespace ferry::memory
