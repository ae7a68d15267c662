// SPDX-License-Identifier: Apache-2.0
//
// Whether every stored page has memory to go to: what the source took for the memory plane and what
// CRIU registered must be the same, or pages would be lost without a word.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "memory/backing.h"
#include "memory/page_set.h"

namespace ferry::memory {

struct Registered {
  PageSet missing;  // registered for missing pages ("um" in smaps)
  std::vector<AddressRange>
      unshared;  // a forked child does not get it: MADV_DONTFORK, MADV_WIPEONFORK
};
// Cheap as long as the memory is still empty. Nothing: the task has gone.
std::optional<Registered> try_registered_of(pid_t host_pid);

// The first stored page outside `registered`. Nothing: there is none.
std::optional<uint64_t> find_uncovered(const Backing& backing, const PageSet& registered);

}  // namespace ferry::memory
