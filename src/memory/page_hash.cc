// SPDX-License-Identifier: Apache-2.0
#include "memory/page_hash.h"

#include <xxhash.h>

#include "memory/page_reader.h"

namespace ferry::memory {

PageHash hash_of_page(const std::byte* page) {
  if (is_zero(page, kPageBytes)) return {};
  const auto hash = XXH3_128bits(page, kPageBytes);
  return {hash.low64, hash.high64};
}

}  // namespace ferry::memory
