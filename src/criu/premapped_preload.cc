// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is; does something only in a restore for
// which ferry has set kHoldVariable and listens at kPremappedSocket.
//
// A task that CRIU restores opens the list of its pages, maps its areas one after the other, or
// moves there what it has inherited (criu/mem.c: prepare_mappings), makes its children, then all the
// rest of itself, and moves the areas to their places at the very end. For most of a restore they
// are there and empty, and the filler may put pages into them.
//
// It does so with a userfaultfd, not with process_vm_writev(2): that would keep the task from the
// lock of its address space, for up to 4 ms at a time.
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "criu/held_uffd_place.h"
#include "criu/premapped_place.h"
#include "criu/preload_socket.h"
#include "criu/preload_userfaultfd.h"
#include "memory/premapped_areas.h"

namespace ferry::criu {
namespace {

using memory::PremappedArea;
using memory::PremappedAreas;

constexpr const char* kListPrefix = "pagemap-";
constexpr const char* kListEnd = ".img";

// Until a task has opened the list of its own pages, these are its parent's.
struct {
  PremappedAreas* areas = nullptr;
  long uffd = -1;
  long owner = 0;
  const PremappedAreas* of_parent = nullptr;
} premapped;

PremappedAreas* own_areas() {
  return premapped.areas != nullptr && premapped.owner == raw(SYS_getpid) ? premapped.areas : nullptr;
}

// 0: it is no list of a task's pages.
long pid_in(const char* path) {
  const size_t prefix = strlen(kListPrefix);
  if (strncmp(path, kListPrefix, prefix) != 0) return 0;
  char* end = nullptr;
  const unsigned long pid = strtoul(path + prefix, &end, 10);
  return end != path + prefix && strcmp(end, kListEnd) == 0 ? static_cast<long>(pid) : 0;
}

PremappedAreas* map_areas(long memfd) {
  if (is_error(raw(SYS_ftruncate, memfd, sizeof(PremappedAreas)))) return nullptr;
  const long at = raw(SYS_mmap, nullptr, sizeof(PremappedAreas), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
  return is_error(at) ? nullptr : reinterpret_cast<PremappedAreas*>(at);
}

void offer(long socket, long pid) {
  const long memfd = raw(SYS_memfd_create, "ferry-premapped", MFD_CLOEXEC);
  if (is_error(memfd)) return;
  const long uffd = make_userfaultfd();
  PremappedAreas* areas = uffd >= 0 ? map_areas(memfd) : nullptr;
  const PremappedMessage message{static_cast<int32_t>(pid)};
  if (areas != nullptr && send_descriptors(socket, &message, sizeof message, {static_cast<int>(memfd), static_cast<int>(uffd)})) {
    premapped.areas = areas;
    premapped.uffd = uffd;
    premapped.owner = raw(SYS_getpid);
  } else {
    if (areas != nullptr) raw(SYS_munmap, areas, sizeof(PremappedAreas));
    if (uffd >= 0) raw(SYS_close, uffd);
  }
  raw(SYS_close, memfd);
}

void add(PremappedAreas& areas, uint64_t start, size_t bytes, void* at, bool is_prepared) {
  const uint32_t count = areas.count.load(std::memory_order_relaxed);
  if (count == PremappedAreas::kMost) return;
  const auto here = reinterpret_cast<uint64_t>(at);
  if (!register_for_copy(premapped.uffd, here, bytes)) return;
  areas.areas[count] = PremappedArea{start, bytes, here, is_prepared ? 1u : 0u};
  areas.count.store(count + 1, std::memory_order_release);
}

}  // namespace

void begin_premapping(int directory, const char* path) {
  const long pid = pid_in(path);
  if (pid == 0 || getenv(kHoldVariable) == nullptr || own_areas() != nullptr) return;
  premapped.of_parent = premapped.areas;
  if (premapped.areas != nullptr) raw(SYS_close, premapped.uffd);  // the parent's
  premapped.areas = nullptr;
  const long socket = connect_in(directory, kPremappedSocket, SOCK_DGRAM | SOCK_NONBLOCK);
  if (is_error(socket)) return;  // nobody wants to know
  // A huge page would be present where nothing has been put. CRIU's restorer sets it as the task had it.
  if (!is_error(raw(SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0))) offer(socket, pid);
  raw(SYS_close, socket);
}

void note_premapped(void* at, size_t bytes, int flags, int64_t offset, bool is_prepared) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (offset == 0 || (flags & (kFlags | MAP_GROWSDOWN)) != kFlags) return;
  PremappedAreas* areas = own_areas();
  if (areas != nullptr) add(*areas, static_cast<uint64_t>(offset), bytes, at, is_prepared);
}

void note_inherited(const void* from, void* at, size_t bytes) {
  PremappedAreas* areas = own_areas();
  const PremappedAreas* parent = premapped.of_parent;
  if (areas == nullptr || parent == nullptr) return;
  const uint32_t count = parent->count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    const PremappedArea& area = parent->areas[i];
    if (area.at == reinterpret_cast<uint64_t>(from) && area.bytes == bytes) return add(*areas, area.start, bytes, at, false);
  }
}

// The kernel lets no UFFDIO_COPY go on beyond UFFDIO_UNREGISTER: whatever becomes of the filler, it
// puts nothing into what is at that place next.
void end_premapping() {
  PremappedAreas* areas = own_areas();
  if (areas == nullptr) return;
  const uint32_t count = areas->count.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < count; ++i) {
    uffdio_range range{areas->areas[i].at, areas->areas[i].bytes};
    raw(SYS_ioctl, premapped.uffd, UFFDIO_UNREGISTER, &range);
  }
  areas->are_moved = 1;
  raw(SYS_close, premapped.uffd);
  premapped.areas = nullptr;
}

}  // namespace ferry::criu
