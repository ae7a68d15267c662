// SPDX-License-Identifier: Apache-2.0
//
// Which memory of a task belongs to the memory plane: exactly what CRIU can restore lazily (criu/include/vma.h,
// vma_entry_can_be_lazy): private, anonymous, not locked, not huge pages of a pool, not a mapping of the kernel's own.
// A page that ferry takes and CRIU does not leave would be lost, so when in doubt it is CRIU's.
//
// /proc/PID/maps is cheap but does not tell all of it (locked, MAP_DROPPABLE, shadow stacks); smaps does, and walks
// every page table entry for its counters (15 ms per GiB). So smaps is read while the task runs, its answers are
// remembered by range, and later maps are judged by them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/page_set.h"

namespace ferry::memory {

struct Vma {
  AddressRange range;
  std::string permissions;  // "rw-p"
  uint64_t inode = 0;       // 0: no file
  std::string name;         // "[heap]", "[anon:arena]", a path, or empty
  std::string flags;        // VmFlags of smaps: "rd wr mr mw me ac"; empty from maps
  uint64_t offset = 0;      // of its start in the file, in bytes
  bool operator==(const Vma&) const = default;
  bool has_flag(std::string_view two_letters) const;
  // As far as maps can tell: private, without a file, not the kernel's own.
  bool may_be_plane() const;
  // With the flags of smaps: it is.
  bool is_plane() const;
};

std::vector<Vma> parse_maps(std::string_view text);
std::vector<Vma> parse_smaps(std::string_view text);
std::optional<std::vector<Vma>> try_read_maps(pid_t pid);   // nothing: it has gone
std::optional<std::vector<Vma>> try_read_smaps(pid_t pid);

// The plane of one address space and what is known about the rest of it.
struct Plane {
  std::vector<Vma> vmas;   // those of the plane, ascending, as the last look found them
  PageSet excluded;        // looks like the plane in maps, but smaps said that it is not
  PageSet assumed;         // part of `vmas`: appeared since smaps was read; in by VmLck alone
  uint64_t locked_kib = 0; // VmLck when smaps was read
  bool has_aio_ring = false;  // io_setup(2): the kernel writes to its memory past the page tables
  PageSet pages() const;   // all of `vmas`
};

// From smaps: slow for large tasks. Nothing: it has gone, or has no memory (a kernel thread, a zombie).
std::optional<Plane> try_plane_of(pid_t pid);
// From maps and VmLck, by what `known` remembers; reads smaps again when that cannot decide (a VMA that lies in both
// kinds, or other memory is locked than then). What is new and could be of the plane is taken, and listed in `assumed`.
std::optional<Plane> try_refresh(pid_t pid, const Plane& known);
// The same judgement without /proc. Nothing: smaps must be read.
std::optional<Plane> judge(const std::vector<Vma>& maps, uint64_t locked_kib, const Plane& known);

}  // namespace ferry::memory
