// SPDX-License-Identifier: Apache-2.0
//
// userfaultfd(2), seen from whoever holds the descriptor; the memory belongs to the task that made it, and all
// addresses are that task's. What the workload does meanwhile (unmaps, exits, faults the page in itself) is a
// value; what cannot be is a SysError. Calls may come from any thread.
#pragma once

#include <linux/userfaultfd.h>

#include <cstdint>
#include <optional>
#include <span>

#include "base/fd.h"

namespace ferry::kernel {

// Bytes, multiples of the page size.
struct AddressRange {
  uint64_t start = 0, end = 0;
  uint64_t bytes() const { return end - start; }
  bool operator==(const AddressRange&) const = default;
};

enum class UffdMode : uint64_t {
  kMissing = UFFDIO_REGISTER_MODE_MISSING,
  kWriteProtect = UFFDIO_REGISTER_MODE_WP,
  kBoth = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
};

// How a call on a range ended.
enum class UffdEnd {
  kDone,        // the whole range
  kPresent,     // EEXIST: a page is there already
  kChanging,    // EAGAIN: the mapping is being changed, or an event waits to be read; try again after reading
  kUnmapped,    // ENOENT: no such VMA, or it is not registered with this descriptor
  kUnsuitable,  // EINVAL, EPERM: memory of a kind that cannot be registered (or a hole)
  kBusy,        // EBUSY: registered with another userfaultfd
  kNoMemory,    // ENOMEM on a copy: the memory cgroup of the task is full
  kGone,        // ESRCH: the address space is gone (exit or exec)
};
const char* to_string(UffdEnd end);

struct UffdMoved {
  uint64_t bytes = 0;  // put in place from the start of the range; the page after it is what `end` speaks of
  UffdEnd end = UffdEnd::kDone;
};

class Userfaultfd {
 public:
  Userfaultfd() = default;
  // Takes over a descriptor that someone made; the handshake may have been done (CRIU's has).
  explicit Userfaultfd(base::Fd fd) : fd_(std::move(fd)) {}
  // One for our own memory, handshake done. Nothing: the kernel lacks it or one of `features`.
  static std::optional<Userfaultfd> try_make(uint64_t features);

  // UFFDIO_API, once per descriptor. False: this kernel lacks one of `features` (the descriptor is then of no use).
  [[nodiscard]] bool try_handshake(uint64_t features) const;

  [[nodiscard]] UffdEnd try_register(AddressRange range, UffdMode mode) const;
  // Wakes who waits in the range; what was missing is then zero, what was protected is writable.
  [[nodiscard]] UffdEnd try_unregister(AddressRange range) const;
  [[nodiscard]] UffdEnd try_write_protect(AddressRange range, bool protect) const;

  enum class Wake { kYes, kNo };
  // `from` holds range.bytes() bytes. Stops at the first page that cannot be put in place.
  [[nodiscard]] UffdMoved try_copy(AddressRange range, const void* from, Wake wake = Wake::kYes) const;
  [[nodiscard]] UffdMoved try_zero(AddressRange range, Wake wake = Wake::kYes) const;
  [[nodiscard]] UffdEnd try_wake(AddressRange range) const;

  // Reads what waits, without blocking when the descriptor was made with O_NONBLOCK; returns the number of
  // messages. 0: none now. The descriptor inside a FORK event is the caller's to own.
  [[nodiscard]] size_t read_events(std::span<uffd_msg> into) const;

  int get() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  base::Fd dup() const { return fd_.dup(); }
  base::Fd release() { return std::move(fd_); }

 private:
  base::Fd fd_;
};

}  // namespace ferry::kernel
