// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is; does something only in a restore for
// which ferry has set kReserveVariable.
#include "criu/reserve_place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "criu/preload_userfaultfd.h"
#include "criu/raw_syscall.h"
#include "memory/reserve_table.h"

namespace ferry::criu {
namespace {

using memory::kReserveBytes;
using memory::ReserveExtent;
using memory::ReserveTable;

ReserveTable* table = nullptr;
long owner = 0;  // the process that has made it: CRIU itself

bool is_full() { return table != nullptr && table->count.load(std::memory_order_acquire) > 0; }

// Without access it is not accounted; where it is taken from here, mprotect(2) does that.
uint64_t map_reserve(int flags) {
  const long at = raw(SYS_mmap, nullptr, kReserveBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return is_error(at) ? 0 : static_cast<uint64_t>(at);
}

ReserveTable* map_table(long fd) {
  const long at = raw(SYS_mmap, nullptr, sizeof(ReserveTable), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return is_error(at) ? nullptr : reinterpret_cast<ReserveTable*>(at);
}

void unmap_reserve() {
  for (const uint64_t at : table->at) {
    if (at != 0) raw(SYS_munmap, at, kReserveBytes);
  }
}

bool make_reserve(long socket) {
  table->at[memory::kAccounted] = map_reserve(0);
  table->at[memory::kUnaccounted] = map_reserve(MAP_NORESERVE);
  const long uffd = make_userfaultfd();
  bool is_made = uffd >= 0;
  for (const uint64_t at : table->at) {
    is_made = is_made && at != 0 && register_for_copy(uffd, at, kReserveBytes);
  }
  const char byte = 0;
  is_made = is_made && send_descriptors(socket, &byte, sizeof byte, {static_cast<int>(uffd)});
  if (uffd >= 0) raw(SYS_close, uffd);
  return is_made;
}

__attribute__((constructor)) void begin() {
  const char* setting = getenv(kReserveVariable);
  if (setting == nullptr) return;
  char* rest = nullptr;
  const long memfd = strtol(setting, &rest, 10);
  if (*rest != ',') return;
  const long socket = strtol(rest + 1, nullptr, 10);
  table = map_table(memfd);
  owner = raw(SYS_getpid);
  if (table != nullptr && !make_reserve(socket)) {
    unmap_reserve();
    table = nullptr;
  }
  raw(SYS_close, memfd);
  raw(SYS_close, socket);  // ferry reads the end of it when there is no reserve
}

const ReserveExtent* find(uint64_t start, size_t bytes) {
  const uint32_t count = table->count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    if (table->extents[i].start == start && table->extents[i].bytes == bytes) return &table->extents[i];
  }
  return nullptr;
}

}  // namespace

// A huge page would be present where nothing has been put.
void prepare_reserve_for_clone() {
  if (is_full()) raw(SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

// As long as CRIU has the pages too, the task would copy each of them that it writes to.
void drop_reserve_after_clone(long pid) {
  if (pid <= 0 || !is_full() || owner != raw(SYS_getpid)) return;
  unmap_reserve();
  table = nullptr;
}

bool take_from_reserve(void* at, size_t bytes, int protection, int flags, int64_t offset, long& result) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (offset == 0 || (flags & kFlags) != kFlags || !is_full() || raw(SYS_getpid) != table->pid) return false;
  const ReserveExtent* extent = find(static_cast<uint64_t>(offset), bytes);
  if (extent == nullptr) return false;
  result = raw(SYS_mremap, extent->at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at);
  if (is_error(result)) return true;
  const long allowed = raw(SYS_mprotect, at, bytes, protection);
  if (is_error(allowed)) result = allowed;
  return true;
}

}  // namespace ferry::criu
