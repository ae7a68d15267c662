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

// How far a list of ranges has been dealt with.
class Cursor {
 public:
  explicit Cursor(std::span<const AddressRange> ranges) : ranges_(ranges) {}
  bool at_end() const { return next_ == ranges_.size(); }
  AddressRange current() const { return {ranges_[next_].start + skipped_, ranges_[next_].end}; }
  // What is left, as much as one call takes.
  std::vector<iovec> next_pieces() const {
    std::vector<iovec> pieces;
    for (size_t i = next_; i < ranges_.size() && pieces.size() < IOV_MAX; ++i) {
      const AddressRange range = i == next_ ? current() : ranges_[i];
      pieces.push_back({reinterpret_cast<void*>(range.start), range.bytes()});
    }
    return pieces;
  }
  template <typename Passed>
  void advance(uint64_t bytes, const Passed& passed) {
    while (bytes > 0) {
      const AddressRange here = current();
      const uint64_t part = std::min(bytes, here.bytes());
      passed(AddressRange{here.start, here.start + part});
      bytes -= part;
      skipped_ += part;
      if (part == here.bytes()) ++next_, skipped_ = 0;
    }
  }

 private:
  std::span<const AddressRange> ranges_;
  size_t next_ = 0;
  uint64_t skipped_ = 0;  // of ranges_[next_]
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
  Cursor cursor{ranges};
  std::byte* at = into.data();
  while (!cursor.at_end()) {
    const std::vector<iovec> remote = cursor.next_pieces();
    uint64_t wanted = 0;
    for (const iovec& piece : remote) wanted += piece.iov_len;
    CHECK(wanted <= static_cast<uint64_t>(into.data() + into.size() - at));
    const iovec local{at, wanted};
    const ssize_t result = ::process_vm_readv(pid_, &local, 1, remote.data(), remote.size(), 0);
    if (result < 0 && errno == ESRCH) return got;
    const uint64_t done = static_cast<uint64_t>(std::max<ssize_t>(result, 0)) / kPageBytes * kPageBytes;
    at += done;
    cursor.advance(done, [&](AddressRange range) { add(got, range); });
    if (done == wanted) continue;
    const uint64_t dealt_with = read_slowly(cursor.current(), at, got);
    at += dealt_with;
    cursor.advance(dealt_with, [](AddressRange) {});
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
