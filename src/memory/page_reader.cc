// SPDX-License-Identifier: Apache-2.0
//
// process_vm_readv takes many pieces in one call and stops at the first page that it cannot read, without a word about
// why. That page may have gone, may be PROT_NONE (which it honours and /proc/PID/mem does not), or be a guard; it is
// tried once more by /proc/PID/mem, in a piece of its own.
#include "memory/page_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ferry::memory {
namespace {

struct Piece {
  AddressRange range;
  std::byte* into;
};

// Adjacent to the last one: one range.
void add(std::vector<AddressRange>& ranges, AddressRange range) {
  if (!ranges.empty() && ranges.back().end == range.start) {
    ranges.back().end = range.end;
  } else if (range.bytes() > 0) {
    ranges.push_back(range);
  }
}

}  // namespace

bool is_zero(const std::byte* data, size_t bytes) {
  // In blocks that the compiler turns into vector instructions; most pages that are not zero differ in the first.
  constexpr size_t kWords = 8;
  for (size_t at = 0; at < bytes; at += kWords * sizeof(uint64_t)) {
    uint64_t words[kWords], any = 0;
    std::memcpy(words, data + at, sizeof(words));
    for (const uint64_t word : words) any |= word;
    if (any != 0) return false;
  }
  return true;
}

std::optional<PageReader> PageReader::try_open(pid_t pid) {
  auto memory = base::try_open_file(fmt::format("/proc/{}/mem", pid), O_RDONLY);
  if (!memory) return std::nullopt;
  return PageReader(pid, std::move(*memory));
}

std::vector<AddressRange> PageReader::read(std::span<const AddressRange> ranges, std::span<std::byte> into) {
  std::vector<AddressRange> got;
  std::vector<iovec> local, remote;
  size_t next = 0;        // of `ranges`
  uint64_t skipped = 0;   // of ranges[next]: done already
  std::byte* at = into.data();
  while (next < ranges.size()) {
    local.clear();
    remote.clear();
    uint64_t wanted = 0;
    for (size_t i = next; i < ranges.size() && remote.size() < IOV_MAX; ++i) {
      const uint64_t start = ranges[i].start + (i == next ? skipped : 0);
      remote.push_back({reinterpret_cast<void*>(start), ranges[i].end - start});
      wanted += ranges[i].end - start;
    }
    CHECK(wanted <= static_cast<uint64_t>(into.data() + into.size() - at));
    local.push_back({at, wanted});
    ssize_t done = ::process_vm_readv(pid_, local.data(), 1, remote.data(), remote.size(), 0);
    if (done < 0 && errno == ESRCH) return got;
    done = std::max<ssize_t>(done, 0) / kPageBytes * kPageBytes;
    at += done;
    for (auto left = static_cast<uint64_t>(done); left > 0;) {
      const AddressRange rest{ranges[next].start + skipped, ranges[next].end};
      const uint64_t part = std::min(left, rest.bytes());
      add(got, {rest.start, rest.start + part});
      left -= part;
      skipped += part;
      if (part == rest.bytes()) ++next, skipped = 0;
    }
    if (static_cast<uint64_t>(done) == wanted) continue;
    const uint64_t stopped = read_slowly({ranges[next].start + skipped, ranges[next].end}, at, got);
    at += stopped;
    skipped += stopped;
    if (ranges[next].start + skipped == ranges[next].end) ++next, skipped = 0;
  }
  return got;
}

uint64_t PageReader::read_slowly(AddressRange range, std::byte* into, std::vector<AddressRange>& got) const {
  // As much as one look at the page tables allows: a whole PROT_NONE range should not take a call per page.
  const uint64_t bytes = std::min<uint64_t>(range.bytes(), kSlowBytes);
  const ssize_t done = ::pread(memory_.get(), into, bytes, static_cast<off_t>(range.start));
  const uint64_t whole = static_cast<uint64_t>(std::max<ssize_t>(done, 0)) / kPageBytes * kPageBytes;
  add(got, {range.start, range.start + whole});
  return whole > 0 ? whole : kPageBytes;  // that one is gone
}

}  // namespace ferry::memory
