// SPDX-License-Identifier: Apache-2.0
//
// A PageSet as bytes: the number of ranges, then for each the distance from the end of the one before and its length,
// in pages, as varints (seven bits a byte, lowest first, the top bit says that more follow).
#include "base/error.h"
#include "memory/page_set.h"

namespace ferry::memory {
namespace {

// Addresses of 57 bits (five-level page tables) have 45-bit page numbers.
constexpr uint64_t kMaxPage = uint64_t{1} << 45;

void put(std::vector<std::byte>& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(value | 0x80));
  out.push_back(static_cast<std::byte>(value));
}

[[noreturn]] void corrupt_set(const char* why) {
  throw base::Error({"corrupt list of pages", why, {}, {}, {}});
}

uint64_t take(std::span<const std::byte>& bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    if (bytes.empty()) corrupt_set("it ends in the middle of a number");
    const auto byte = static_cast<uint64_t>(bytes.front());
    bytes = bytes.subspan(1);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  corrupt_set("a number is too long");
}

}  // namespace

std::vector<std::byte> PageSet::encode() const {
  std::vector<std::byte> out;
  put(out, ranges().size());
  uint64_t at = 0;
  for (const AddressRange& range : sorted_) {
    put(out, page_of(range.start) - at);
    put(out, page_of(range.bytes()));
    at = page_of(range.end);
  }
  return out;
}

PageSet PageSet::decode(std::span<const std::byte> bytes) {
  PageSet result;
  const uint64_t count = take(bytes);
  if (count > bytes.size() / 2) corrupt_set("it is shorter than it says");
  result.sorted_.reserve(count);
  uint64_t at = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t gap = take(bytes);
    const uint64_t length = take(bytes);
    if (gap > kMaxPage || length > kMaxPage || length == 0 || (i > 0 && gap == 0)) corrupt_set("a range makes no sense");
    const uint64_t start = at + gap;
    at = start + length;
    if (at > kMaxPage) corrupt_set("a range lies beyond all addresses");
    result.sorted_.push_back({start * kPageBytes, at * kPageBytes});
  }
  if (!bytes.empty()) corrupt_set("bytes are left over");
  return result;
}

}  // namespace ferry::memory
