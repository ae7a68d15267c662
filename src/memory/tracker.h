// SPDX-License-Identifier: Apache-2.0
//
// Which pages of a task's address space were written since one last asked. Asking protects first and then tells: a
// page that is written after it was reported is in the next round, so the caller may read at leisure.
// One object per address space, used by one thread at a time. Its end leaves nothing behind in the task.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "memory/page_set.h"
#include "memory/vma.h"

namespace ferry::memory {

enum class Backend {
  kUffdWp,     // userfaultfd write-protection with PAGEMAP_SCAN, Linux 6.7
  kSoftDirty,  // clear_refs and pagemap, kernels with CONFIG_MEM_SOFT_DIRTY
  kNone,       // this kernel has neither: all pages go at the freeze
};
const char* to_string(Backend backend);

struct Support {
  Backend backend = Backend::kNone;
  bool guards = false;  // guard regions can be listed (PAGE_IS_GUARD, 6.16)
  bool scan = false;    // PAGEMAP_SCAN works at all
  std::string why;      // for a reader: why not a better one
};
// Tries it on a child process of ours; takes a few milliseconds.
Support probe();

// What one look found. All sets lie within the plane as it was then.
struct Scan {
  PageSet written;  // to be sent now: may have changed since the last scan; the first time, all present pages
  PageSet zero;     // part of `written`: the kernel's page of zeros, need not be read
  PageSet added;    // memory that was not tracked at the last scan; its present pages are in `written`
  PageSet removed;  // memory that was tracked at the last scan and is no longer of the plane
};

// What only a look at a task that stands still can tell.
struct FrozenScan : Scan {
  PageSet present;  // every page that has content. What was sent and is not present reads as zero: drop it
  PageSet guards;   // MADV_GUARD_INSTALL regions: never fill
  void insert(const FrozenScan& other);  // all but `removed`
};

class Tracker {
 public:
  virtual ~Tracker() = default;
  // `plane` as it is now. Nothing: the address space has gone (exit, exec); the object is then of no more use.
  [[nodiscard]] virtual std::optional<Scan> try_scan(const Plane& plane) = 0;
  // The task stands still and is not asked again unless the move fails, after which try_scan() goes on as before.
  [[nodiscard]] virtual std::optional<FrozenScan> try_scan_frozen(const Plane& plane) = 0;
  // Of memory that the task shares with others (it is of no plane): what this address space may have written of `pages` since the last scan of them; all
  // of `mapping`, when this is the first. They are tracked from now on. `pages` lie in `mapping`, which is one VMA. Nothing: they cannot be.
  [[nodiscard]] virtual std::optional<PageSet> try_scan_shared(AddressRange mapping, const PageSet& pages);
  // The task stands still. Nothing: not all of them were tracked since.
  [[nodiscard]] virtual std::optional<PageSet> try_scan_shared_frozen(AddressRange mapping, const PageSet& pages) const;
  // Whether `pid` (still) has the address space that this object tracks.
  [[nodiscard]] virtual bool tracks(pid_t pid) const = 0;
};

// What becomes of an attempt to track one task.
struct Attached {
  std::unique_ptr<Tracker> tracker;  // empty: `why`
  bool gone = false;                 // there is no such task any more
  bool try_again = false;            // it could not be stopped just now
  double stopped_ms = 0;             // how long the task stood still for it
  std::string why;                   // for a reader: "gdb (pid 17) traces it"
};
Attached attach(pid_t pid, const Support& support);

// What a frozen task holds, when it was never tracked: everything present counts as written.
std::optional<FrozenScan> scan_untracked(pid_t pid, const Plane& plane, const Support& support);

}  // namespace ferry::memory
