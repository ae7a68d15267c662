// SPDX-License-Identifier: Apache-2.0
//
// PAGEMAP_SCAN (Linux 6.7): "which pages of this range are such and such, and protect them in the same step".
// An open Pagemap belongs to one address space for ever: after an exec of the task it still means the old one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/fd.h"
#include "kernel/uapi.h"
#include "kernel/userfaultfd.h"

namespace ferry::kernel {

// A page matches when it is in all of `all`, in one of `any` (if there are any), where `inverted` turns the
// meaning of a category round. `returned`: which categories a region tells, and splits at.
struct PageQuery {
  uint64_t inverted = 0;
  uint64_t all = 0;
  uint64_t any = 0;
  uint64_t returned = 0;
  // Write-protects what matches, atomically with the look; the range must be registered (write-protect mode,
  // WP_ASYNC and WP_UNPOPULATED).
  bool protect = false;
  // Ends with kNotRegistered at a VMA that is not; without it such VMAs are left out when protecting.
  bool must_be_registered = false;
  uint64_t max_pages = 0;  // stop after so many; 0: all
};

enum class ScanEnd {
  kDone,
  kNotRegistered,  // EPERM: a VMA in the range is not registered; what was found (and protected) is incomplete
  kUnsupported,    // ENOTTY, EINVAL: the kernel lacks PAGEMAP_SCAN or one of the categories
};

class Pagemap {
 public:
  static std::optional<Pagemap> try_open(pid_t pid);  // nothing: the task has gone

  // Calls `found` for every matching region; a range may span VMAs and holes. Ascending, but the kernel (6.18) may begin
  // a little before the place where its vector was full, so a region may come twice. Whatever matches has been
  // protected when `found` sees it. `found` does not scan itself: the vector is one per thread. An address space that has gone has no pages: ask is_alive() when it matters.
  [[nodiscard]] ScanEnd scan(AddressRange range, const PageQuery& query,
                             const std::function<void(const PageRegion&)>& found) const;

  // The entries of the pages from `address` on; returns how many were read (0: gone, or past the end).
  [[nodiscard]] size_t read_entries(uint64_t address, std::span<uint64_t> into) const;

  // False: all tasks that had this address space have left it.
  bool is_alive() const;
  int get() const { return fd_.get(); }

 private:
  explicit Pagemap(base::Fd fd) : fd_(std::move(fd)) {}
  base::Fd fd_;
};

}  // namespace ferry::kernel
