// SPDX-License-Identifier: Apache-2.0
//
// Who carries a workload's memory, and how much room that takes on either host. With the memory plane ferry does: CRIU's images then
// hold only what is shared or belongs to files, and the rest is at the target once, in the store or in place. Without it
// (a CRIU that cannot be made to leave memory out) the images hold everything.
#pragma once

#include <cstdint>
#include <string>

#include "process/tree.h"

namespace ferry::migration {

struct MemoryNeed {
  bool by_ferry = false;     // the memory plane
  std::string why_not;       // for people
  uint64_t whole = 0;        // bytes, as the workload has them now
  uint64_t images = 0;       // of it, in CRIU's images
  uint64_t peak() const { return whole + images; }  // images and restored memory at the same time
};

MemoryNeed memory_need(const process::Tree& tree);

}  // namespace ferry::migration
