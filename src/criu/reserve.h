// SPDX-License-Identifier: Apache-2.0
//
// Ferry's end of memory/reserve_table.h.
#pragma once

#include <optional>

#include "base/subprocess.h"
#include "kernel/userfaultfd.h"
#include "memory/reserve_table.h"

namespace ferry::criu {

class Reserve {
 public:
  Reserve();
  ~Reserve();
  Reserve(const Reserve&) = delete;

  // For the CRIU that is started with them.
  void add_to(base::SpawnOptions& options) const;
  // Once that CRIU has answered something. False: it has no reserve (the kernel lacks what it takes).
  [[nodiscard]] bool wait_for_it();

  // Pages can be put there, from table().at on.
  const kernel::Userfaultfd& uffd() const { return uffd_; }
  memory::ReserveTable& table() const { return *table_; }

 private:
  base::Fd memfd_;
  base::FdPair sockets_;  // the second is CRIU's
  kernel::Userfaultfd uffd_;
  memory::ReserveTable* table_;
};

}  // namespace ferry::criu
