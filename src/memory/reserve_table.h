// SPDX-License-Identifier: Apache-2.0
//
// Memory that CRIU's process holds for the task that it will make: pages that ferry has put there before CRIU is asked for the restore
// (while the source is still dumping). The task inherits it with the fork, and moves it to where CRIU would have mapped new memory. In
// memory that ferry and that process have mapped, and the task after it (criu/reserve_preload.cc).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ferry::memory {

// MAP_NORESERVE is a property of memory that nothing can change later.
enum ReserveKind : uint32_t { kAccounted, kUnaccounted, kReserveKinds };
inline constexpr uint64_t kReserveBytes = uint64_t{64} << 30;  // of addresses, of each kind

struct ReserveExtent {
  uint64_t start = 0, bytes = 0;  // a whole area of the task, as in its images
  uint64_t at = 0;                // in the reserve
};

struct ReserveTable {
  static constexpr uint32_t kMost = 2048;
  uint64_t at[kReserveKinds];   // said by CRIU's process at its start
  int32_t pid;                  // of the task, as the workload sees it
  std::atomic<uint32_t> count;  // 0 until there is nothing more to come
  ReserveExtent extents[kMost];
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

}  // namespace ferry::memory
