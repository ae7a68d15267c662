// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_pages.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "memory/page_set.h"

namespace ferry::memory {

namespace {

// Small enough for the CPU's cache: it is hashed next.
constexpr size_t kPiece = 256 << 10;

// The first page from `page` on that has content; `end` at most. Where content ends is not asked: the kernel would look for that
// through all of it, again for every piece that is to be read.
uint64_t next_content(int file, uint64_t page, uint64_t end) {
  const off_t at = ::lseek(file, static_cast<off_t>(page * kPageBytes), SEEK_DATA);
  if (at < 0 && errno != ENXIO) throw base::SysError("lseek", errno, "of shared memory");
  return at < 0 ? end : std::min(end, page_of(static_cast<uint64_t>(at)));
}

// Whole pages, the last one filled up with zeros where the file ends in it.
std::span<const std::byte> read_pages(int file, uint64_t page, std::span<std::byte> buffer) {
  const auto got = ::pread(file, buffer.data(), buffer.size(), static_cast<off_t>(page * kPageBytes));
  if (got < 0) throw base::SysError("pread", errno, "of shared memory");
  const auto bytes = static_cast<size_t>(got);
  const size_t whole = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  std::ranges::fill(buffer.subspan(bytes, whole - bytes), std::byte{0});
  return buffer.first(whole);
}

}  // namespace

void SharedPages::grow(uint64_t pages) {
  if (pages > noted_.size()) noted_.resize(pages);
}

void SharedPages::look(int file, uint64_t first, uint64_t end, const Changed& changed) const {
  std::vector<std::byte> buffer(std::min<uint64_t>(kPiece, (end - first) * kPageBytes));
  for (uint64_t page = first; page < end;) {
    const uint64_t start = next_content(file, page, end);
    look_at_zeros(page, start, changed);
    bool any = true;  // else it is in a hole, perhaps a large one
    for (page = start; any && page < end;) {
      const size_t want = std::min<uint64_t>(buffer.size(), (end - page) * kPageBytes);
      const auto content = read_pages(file, page, std::span(buffer).first(want));
      if (content.empty()) return look_at_zeros(page, end, changed);  // cut short meanwhile
      any = false;
      for (size_t at = 0; at < content.size(); at += kPageBytes, ++page) {
        const PageHash hash = hash_of_page(content.data() + at);
        any |= hash != PageHash{};
        if (hash == noted_.at(page)) continue;
        changed(page, hash == PageHash{} ? std::span<const std::byte>() : content.subspan(at, kPageBytes), hash);
      }
    }
  }
}

void SharedPages::look_at_zeros(uint64_t first, uint64_t end, const Changed& changed) const {
  for (uint64_t page = first; page < end; ++page) {
    if (noted_.at(page) != PageHash{}) changed(page, {}, {});
  }
}

}  // namespace ferry::memory
