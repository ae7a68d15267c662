// SPDX-License-Identifier: Apache-2.0
//
// For what is loaded into a CRIU that restores (reserve_preload.cc): the memory of memory/reserve_table.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ferry::criu {

// In the environment of a restoring CRIU: two descriptors, "TABLE,SOCKET". The first is a memfd of ReserveTable; a userfaultfd that
// the reserve is registered with (for UFFDIO_COPY alone) is sent to the second.
inline constexpr const char* kReserveVariable = "FERRY_RESERVE";

// CRIU makes a task, and has made it (its pid).
void prepare_reserve_for_clone();
void drop_reserve_after_clone(long pid);
// The task of the reserve is about to map this. True: it is the reserve's, and `result` what mmap(2) would have been: `at`, or -errno.
bool take_from_reserve(void* at, size_t bytes, int protection, int flags, int64_t offset, long& result);

}  // namespace ferry::criu
