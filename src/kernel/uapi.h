// SPDX-License-Identifier: Apache-2.0
//
// What the kernel's headers of Debian 12 (6.1) do not know yet, with the version that brought each. Names of our
// own: newer headers define the kernel's as macros. Whether the running kernel has a thing is asked by trying it,
// never by its version.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace ferry::kernel {

// PAGEMAP_SCAN, an ioctl of /proc/PID/pagemap: Linux 6.7 (fs/proc/task_mmu.c).
struct PageRegion {
  uint64_t start = 0, end = 0;  // bytes
  uint64_t categories = 0;      // kPageIs…, as far as they were asked for
  bool operator==(const PageRegion&) const = default;
};
struct PagemapScanArguments {
  uint64_t size = sizeof(PagemapScanArguments);
  uint64_t flags = 0;
  uint64_t start = 0, end = 0;
  uint64_t walk_end = 0;
  uint64_t vector = 0, vector_length = 0;
  uint64_t max_pages = 0;
  uint64_t category_inverted = 0;
  uint64_t category_mask = 0;
  uint64_t category_anyof_mask = 0;
  uint64_t return_mask = 0;
};
static_assert(sizeof(PagemapScanArguments) == 96 && sizeof(PageRegion) == 24);
inline constexpr unsigned long kPagemapScan = _IOWR('f', 16, PagemapScanArguments);

inline constexpr uint64_t kScanProtectMatching = 1 << 0;  // PM_SCAN_WP_MATCHING
inline constexpr uint64_t kScanCheckAsync = 1 << 1;       // PM_SCAN_CHECK_WPASYNC

inline constexpr uint64_t kPageIsProtectable = 1 << 0;  // PAGE_IS_WPALLOWED
inline constexpr uint64_t kPageIsWritten = 1 << 1;
inline constexpr uint64_t kPageIsFile = 1 << 2;
inline constexpr uint64_t kPageIsPresent = 1 << 3;
inline constexpr uint64_t kPageIsSwapped = 1 << 4;  // guard markers too
inline constexpr uint64_t kPageIsPfnZero = 1 << 5;  // mapped to the kernel's page of zeros
inline constexpr uint64_t kPageIsHuge = 1 << 6;
inline constexpr uint64_t kPageIsSoftDirty = 1 << 7;  // 6.8
inline constexpr uint64_t kPageIsGuard = 1 << 8;      // 6.16: MADV_GUARD_INSTALL

// Entries of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
inline constexpr uint64_t kEntryFrame = (uint64_t{1} << 55) - 1;  // of a present page; 0 without CAP_SYS_ADMIN
inline constexpr uint64_t kEntrySoftDirty = uint64_t{1} << 55;  // needs CONFIG_MEM_SOFT_DIRTY
inline constexpr uint64_t kEntryProtected = uint64_t{1} << 57;  // 5.13: write-protected by userfaultfd
inline constexpr uint64_t kEntryGuard = uint64_t{1} << 58;      // 6.15
inline constexpr uint64_t kEntryFile = uint64_t{1} << 61;       // not anonymous
inline constexpr uint64_t kEntrySwapped = uint64_t{1} << 62;
inline constexpr uint64_t kEntryPresent = uint64_t{1} << 63;

// userfaultfd features.
inline constexpr uint64_t kUffdWriteProtectUnpopulated = 1 << 13;  // UFFD_FEATURE_WP_UNPOPULATED, 6.4
inline constexpr uint64_t kUffdPoison = 1 << 14;                   // UFFD_FEATURE_POISON, 6.6
inline constexpr uint64_t kUffdWriteProtectAsync = 1 << 15;        // UFFD_FEATURE_WP_ASYNC, 6.7

// madvise(2): 6.13.
inline constexpr int kAdviseGuardInstall = 102;
inline constexpr int kAdviseGuardRemove = 103;

// pidfd_open(2) of a thread that does not lead its process: 6.9.
inline constexpr unsigned kPidfdThread = 0200;  // PIDFD_THREAD is O_EXCL

// ptrace(2), "syscall user dispatch" of a task: 6.4.
inline constexpr int kPtraceGetUserDispatch = 0x4211;

// sched_setattr(2): struct sched_attr, which <linux/sched/types.h> of 6.1 defines together with one of libc's own.
struct ThreadSchedule {
  uint32_t size = sizeof(ThreadSchedule);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t slice_ns = 0;  // sched_runtime; of SCHED_OTHER from Linux 6.12 on
  uint64_t deadline_ns = 0, period_ns = 0;
  uint32_t utilization_least = 0, utilization_most = 0;
};
static_assert(sizeof(ThreadSchedule) == 56);

}  // namespace ferry::kernel
