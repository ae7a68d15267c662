// SPDX-License-Identifier: Apache-2.0
//
// Tells which pages of a shared memory somebody has removed (MADV_REMOVE). In the tasks themselves that need not show: what is protected leaves its marker
// behind, and who reads such a page again gets a protected one, of zeros. But it goes from every mapping, and so from one of our own that
// nobody touches. Costs its page tables, 8 bytes per page; the pages count as resident here as well as there.
#pragma once

#include <optional>

#include "kernel/pagemap_scan.h"
#include "memory/page_set.h"

namespace ferry::memory {

class RemovalWitness {
 public:
  // Nothing: it cannot be mapped here. The descriptor may be closed.
  static std::optional<RemovalWitness> try_make(int file, uint64_t bytes);
  RemovalWitness(RemovalWitness&& other) noexcept;
  RemovalWitness& operator=(RemovalWitness&&) = delete;
  ~RemovalWitness();

  // By offset in the memory, in bytes. These are here, and will not be any more once they are removed. They need have content: where there is none,
  // that makes it. False: not all of them (Linux before 5.14, or it is shorter now).
  bool watch(const PageSet& pages);
  // Of these, the ones that were watched and are there still. Those that were not may be, too.
  PageSet there(const PageSet& pages) const;

 private:
  RemovalWitness(kernel::Pagemap pagemap, uint64_t start, uint64_t bytes) : pagemap_(std::move(pagemap)), start_(start), bytes_(bytes) {}
  kernel::Pagemap pagemap_;  // our own
  uint64_t start_, bytes_;
};

}  // namespace ferry::memory
