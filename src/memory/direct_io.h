// SPDX-License-Identifier: Apache-2.0
//
// Devices that write to a task's memory do so past its page tables: the page counts as written when the transfer is
// set up, and what arrives later goes unseen (tried: O_DIRECT reads and io_uring's fixed buffers).
#pragma once

#include <sys/types.h>

#include <string>

namespace ferry::memory {

struct DirectIo {
  // It has files open with O_DIRECT: nothing is in flight while it is frozen, so protecting scans are done then.
  bool needs_frozen_scan = false;
  // Transfers outlast the call that began them (io_uring, vfio, rdma), or the memory has a userfaultfd of its own
  // already. For a reader: "it uses io_uring"; empty: none of these. An AIO ring is seen in the maps
  // (Plane::has_aio_ring).
  std::string untrackable;
};
// One that has gone has none.
DirectIo direct_io_of(pid_t pid);

}  // namespace ferry::memory
