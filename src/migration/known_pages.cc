// SPDX-License-Identifier: Apache-2.0
#include "migration/known_pages.h"

#include "memory/page_set.h"
#include "migration/conversation.h"

namespace ferry::migration {

using memory::kPageBytes;

void KnownPages::add(std::span<const std::byte> pages) {
  if (pages.size() % kPageBytes != 0) throw BrokenProtocol("half a page");
  for (size_t at = 0; at < pages.size() && pages_.size() < kMostKnownPages; at += kPageBytes) {
    const auto page = pages.subspan(at, kPageBytes);
    pages_.emplace_back(page.begin(), page.end());
  }
}

std::span<const std::byte> KnownPages::at(uint32_t number) const {
  if (number >= pages_.size()) throw BrokenProtocol("a page of an image that has not come");
  return pages_[number];
}

}  // namespace ferry::migration
