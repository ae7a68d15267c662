// SPDX-License-Identifier: Apache-2.0
//
// One address space of the restored workload: its userfaultfd and where stored pages belong in it.
// What the workload does meanwhile is an answer, not an error; all calls can be repeated, a page
// that is in place already stays what it is.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernel/pagemap_scan.h"
#include "kernel/userfaultfd.h"
#include "memory/placement.h"

namespace ferry::memory {

class AddressSpace {
 public:
  AddressSpace(uint32_t id, base::Fd uffd) : id_(id), uffd_(std::move(uffd)) {}
  // Never closes the userfaultfd, whichever way the filler ends: the zeros that would follow are
  // worse than a leak.
  ~AddressSpace() { forget(); }
  AddressSpace(const AddressSpace&) = delete;

  enum class Put {
    kDone,
    kChanging,  // events wait to be read: read them, look again where things belong, try again
    kNoMemory,  // the workload's cgroup is full: try again later
    kGone,      // all its tasks have ended or run another program
  };
  // `homeless` grows by the bytes that have no registered memory to go to.
  [[nodiscard]] Put put(uint64_t address, std::span<const std::byte> pages,
                        uint64_t& homeless) const;
  [[nodiscard]] Put put_zeros(AddressRange range) const;
  // Guards that the workload has set in the range (MADV_GUARD_INSTALL) since it was restored. The
  // kernel tells nobody of one, and UFFDIO_COPY would silently replace it: asked right before that.
  // A forked child cannot be asked: its process is not known.
  std::vector<AddressRange> guards_in(AddressRange range);
  // It has some, so more may come at any time.
  bool uses_guards();
  void wake(AddressRange range) const;
  void wake_all() const;  // whoever waits for any page
  [[nodiscard]] bool is_alive() const;
  [[nodiscard]] bool is_changing() const;  // an event waits to be read, or is about to
  // Ends the registration of all memory of that task, which has this address space.
  void unregister(pid_t task) const;
  void close() { uffd_ = kernel::Userfaultfd(); }
  void forget() { (void)uffd_.release().release(); }  // somebody has closed it

  uint32_t id() const { return id_; }
  const kernel::Userfaultfd& uffd() const { return uffd_; }

  Placement placement;
  PageSet moved_in;  // where mremap has put something, until that is unmapped
  int32_t pid = 0;
  pid_t host_pid = 0;   // 0: not known
  bool forked = false;  // its descriptor is ours alone
  bool gone = false;

 private:
  kernel::UffdEnd probe() const;
  std::vector<AddressRange> find_guards(AddressRange range, uint64_t most);

  const uint32_t id_;
  kernel::Userfaultfd uffd_;
  std::optional<kernel::Pagemap> pagemap_;
  bool asks_for_guards_ = true;
  std::optional<bool> uses_guards_;
};

}  // namespace ferry::memory
