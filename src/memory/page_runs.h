// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <span>

#include "memory/page_set.h"

namespace ferry::memory {

inline bool is_zero_page(const std::byte* page) {
  uint64_t word = 0;
  for (size_t at = 0; at < kPageBytes; at += sizeof word) {
    std::memcpy(&word, page + at, sizeof word);
    if (word != 0) return false;
  }
  return true;
}

// Calls put(offset, bytes) for the runs of pages that are not of zeros; ends at the first answer that
// is not `done`, and gives that back.
template <typename Answer, typename PutRun>
Answer for_each_data_run(std::span<const std::byte> pages, Answer done, const PutRun& put) {
  for (size_t at = 0; at < pages.size();) {
    const bool zero = is_zero_page(pages.data() + at);
    size_t end = at + kPageBytes;
    while (end < pages.size() && is_zero_page(pages.data() + end) == zero) end += kPageBytes;
    if (!zero) {
      if (const Answer answer = put(at, end - at); answer != done) return answer;
    }
    at = end;
  }
  return done;
}

}  // namespace ferry::memory
