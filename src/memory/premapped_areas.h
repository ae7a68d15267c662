// SPDX-License-Identifier: Apache-2.0
//
// Where the memory of a task is while CRIU builds it: each area is mapped anywhere at first, and moved to its own place at the end
// (criu/mem.c: premap_private_vma; criu/pie/restorer.c: vma_remap). What the restoring task (criu/premapped_preload.cc) tells the
// filler, in memory that both have mapped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ferry::memory {

// Of a larger tree none: it has other costs.
inline constexpr size_t kMostPremapped = 16;  // tasks

// An area so many times larger than all that is stored is a reservation, with a page here and there, and each of these has a page
// table: moving them (mremap) to a place that is not as far from a multiple of 2 MiB makes two of each.
inline constexpr uint64_t kReservation = 16;

struct PremappedArea {
  uint64_t start = 0, bytes = 0;  // where it belongs
  uint64_t at = 0;                // where it is now
  uint64_t is_prepared = 0;       // 1: with what was in the reserve for it (reserve_table.h)
};

struct PremappedAreas {
  static constexpr uint32_t kMost = 2048;
  std::atomic<uint32_t> count;      // those before it are written, and do not change
  std::atomic<uint32_t> are_moved;  // 1: no more can be put there
  PremappedArea areas[kMost];
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

}  // namespace ferry::memory
