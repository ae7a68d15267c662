// SPDX-License-Identifier: Apache-2.0
//
// What the filler takes pages from. Positions are the addresses that the pages had in the source's
// address space. Today that is the store alone; post-copy puts the network behind it: a page that
// is kElsewhere is asked for, and is kData (or kAbsent) some time later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "memory/page_set.h"

namespace ferry::memory {

class Backing {
 public:
  enum class Kind {
    kData,  // the content of its first page is here; others of it may be absent, read() gives zeros
            // for them
    kAbsent,     // a page of zeros, or none at all
    kElsewhere,  // still at the source
  };
  struct Piece {
    AddressRange range;
    Kind kind = Kind::kAbsent;
  };
  enum class Urgency {
    kFault,  // a thread of the workload waits for it
    kPrefetch,
  };

  virtual ~Backing() = default;
  // A run of one kind from range.start on, within `range`; as long as can be told without a long
  // search.
  virtual Piece look(AddressRange range) const = 0;
  // The content of a run that is kData.
  virtual void read(uint64_t position, std::span<std::byte> into) const = 0;
  // They are in the workload, or gone from it: kAbsent from now on, and their memory is given back.
  virtual void drop(AddressRange range) = 0;
  // Of pages that are kElsewhere. Does not block; false: the source cannot be reached now.
  [[nodiscard]] virtual bool request(AddressRange range, Urgency urgency) = 0;
};

}  // namespace ferry::memory
