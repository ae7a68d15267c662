// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "pages.h"

namespace tracee {

// The versions of shared pages, in private memory.
class Shared {
 public:
  Shared(Page* pages, size_t count) : pages_(pages), versions_(count, 0) {}
  void rewrite(size_t index) {
    check(index);
    write_page(pages_[index], index, ++last_);
    versions_[index] = last_;
  }
  // Somebody else has.
  void note_rewritten(size_t index) { versions_[index] = ++last_; }
  uint64_t next_version() const { return last_ + 1; }
  Page& page(size_t index) const { return pages_[index]; }
  void punch(size_t index) {
    must(::madvise(&pages_[index], kPage, MADV_REMOVE));
    versions_[index] = 0;
  }
  void check(size_t index) const { require_page(pages_[index], index, versions_[index]); }
  void check() const {
    for (size_t i = 0; i < versions_.size(); ++i) check(i);
  }

 private:
  Page* pages_;
  std::vector<uint64_t> versions_;
  uint64_t last_ = 0;
};

}  // namespace tracee
