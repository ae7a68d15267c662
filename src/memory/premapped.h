// SPDX-License-Identifier: Apache-2.0
//
// Pages that are put in place while CRIU is still building the task that they belong to. Its areas
// are mapped elsewhere then, empty, and are moved with what is in them (premapped_areas.h). For most
// of a restore the filler has nothing else to do; what is put there needs no fault after the resume.
//
// In a tree of tasks a child inherits its parent's areas, so nothing is put anywhere before all of
// them have been made.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kernel/userfaultfd.h"
#include "memory/backing.h"
#include "memory/premapped_areas.h"
#include "memory/store.h"

namespace ferry::memory {

// What a task that is being restored has said.
struct Premapping {
  int32_t pid = 0;           // in the workload's pid namespace
  base::Fd areas;            // a memfd of PremappedAreas
  kernel::Userfaultfd uffd;  // with which they are registered
};

class Premapped {
 public:
  // `stored`: bytes, of all the workload.
  Premapped(Premapping premapping, SpacePlan plan, std::unique_ptr<Backing> backing, uint64_t stored);
  ~Premapped();
  Premapped(const Premapped&) = delete;

  enum class Step {
    kFilled,   // a batch
    kNothing,  // there is none now; areas may still come
    kOver,     // the areas have been moved, or no page can be put there
  };
  // What was written last before the freeze first, then the rest. Pages that are in place are
  // dropped. The filler may be killed at any point: a page that has not been dropped is put once
  // more later, and found to be there.
  Step fill_one_batch();
  uint64_t bytes_put() const { return bytes_put_; }

 private:
  struct Piece {
    AddressRange positions;
    uint64_t at = 0;  // where its first byte is now
  };
  void take_news();
  void drop_prepared(AddressRange area);
  std::optional<Piece> next();
  std::optional<Piece> stored_within(AddressRange wanted) const;
  bool put(const Piece& piece);

  const SpacePlan plan_;
  std::unique_ptr<Backing> backing_;
  const uint64_t largest_;  // area that is no reservation
  kernel::Userfaultfd uffd_;
  const PremappedAreas* areas_;
  std::vector<std::byte> buffer_;
  uint32_t known_ = 0;  // areas, when the search began
  size_t hot_index_ = 0;
  uint64_t hot_at_ = 0, rest_at_ = 0;  // what is before has been put
  uint64_t bytes_put_ = 0;
};

}  // namespace ferry::memory
