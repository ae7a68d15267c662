// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is. What CRIU maps and moves in a restore: each of those who want to
// know of it is told here.
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "criu/premapped_place.h"
#include "criu/raw_syscall.h"
#include "criu/reserve_place.h"
#include "criu/shared_memory_place.h"

#define FERRY_INSTEAD extern "C" __attribute__((visibility("default")))

FERRY_INSTEAD void* mmap64(void* at, size_t bytes, int protection, int flags, int fd, off64_t offset) noexcept {
  using namespace ferry::criu;
  long result = 0;
  const bool is_prepared = take_from_reserve(at, bytes, protection, flags, offset, result);
  if (!is_prepared) result = raw(SYS_mmap, at, bytes, protection, flags, fd, offset);
  if (!is_error(result)) {
    void* mapped = reinterpret_cast<void*>(result);
    note_premapped(mapped, bytes, flags, offset, is_prepared);
    note_mapped_file(mapped, bytes, protection, flags, fd, offset);
  }
  return reinterpret_cast<void*>(with_errno(result));  // MAP_FAILED is -1
}

FERRY_INSTEAD void* mremap(void* from, size_t old_bytes, size_t new_bytes, int flags, ...) noexcept {
  using namespace ferry::criu;
  va_list list;
  va_start(list, flags);
  void* to = (flags & MREMAP_FIXED) != 0 ? va_arg(list, void*) : nullptr;
  va_end(list);
  const long result = raw(SYS_mremap, from, old_bytes, new_bytes, flags, to);
  if (!is_error(result) && old_bytes == new_bytes) note_inherited(from, reinterpret_cast<void*>(result), new_bytes);
  return reinterpret_cast<void*>(with_errno(result));  // MAP_FAILED is -1
}
