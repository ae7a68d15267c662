// SPDX-License-Identifier: Apache-2.0
#include "memory/far_pages.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "base/error.h"

namespace ferry::memory {
namespace {

// Threads that wait at once, each for another page; more ask again a moment later.
constexpr uint64_t kQueue = 4096;
constexpr uint64_t kWordBits = 64;
constexpr size_t kMaxPieceRuns = 4096;  // of single pages; what says so fits a small message

struct Asked {
  uint32_t slot = 0;
  uint64_t address = 0;
};

uint64_t words_for(uint64_t pages) { return (pages + kWordBits - 1) / kWordBits; }

}  // namespace

// The layout: this, the spaces, their ranges, one bit per page "it is far", one "it was asked for".
// Pages are numbered through all ranges of all spaces.
struct FarPages::Header {
  uint64_t spaces = 0, ranges = 0, pages = 0;
  std::atomic<uint64_t> left = 0;
  std::atomic<int32_t> puller_pid = 0;
  std::atomic<uint64_t> puller_start = 0;
  std::atomic<uint64_t> head = 0, tail = 0;  // of the queue: put in at the head
  Asked queue[kQueue] = {};
};
struct FarPages::SpaceEntry {
  int32_t pid = 0;
  uint32_t slot = 0;
  uint64_t first = 0, ranges = 0;
};
struct FarPages::RangeEntry {
  AddressRange range;
  uint64_t index = 0;  // of its first page
};

namespace {

template <typename Entry>
Entry* after(void* start, size_t bytes) {
  return reinterpret_cast<Entry*>(static_cast<char*>(start) + bytes);
}

}  // namespace

void FarPages::write(int fd, std::span<const Space> spaces) {
  Header header;
  header.spaces = spaces.size();
  std::vector<SpaceEntry> entries;
  std::vector<RangeEntry> ranges;
  for (const Space& space : spaces) {
    entries.push_back({space.pid, space.slot, ranges.size(), space.pages.ranges().size()});
    for (const AddressRange& range : space.pages) {
      ranges.push_back({range, header.pages});
      header.pages += range.bytes() / kPageBytes;
    }
  }
  header.ranges = ranges.size();
  header.left = header.pages;
  std::vector<uint64_t> marks(words_for(header.pages), ~uint64_t{0});
  if (header.pages % kWordBits != 0) {
    marks.back() = (uint64_t{1} << (header.pages % kWordBits)) - 1;
  }
  base::write_full(fd, {reinterpret_cast<const std::byte*>(&header), sizeof header});
  base::write_full(fd, std::as_bytes(std::span(entries)));
  base::write_full(fd, std::as_bytes(std::span(ranges)));
  base::write_full(fd, std::as_bytes(std::span(marks)));
  std::ranges::fill(marks, 0);
  base::write_full(fd, std::as_bytes(std::span(marks)));
}

FarPages::FarPages(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) < 0) throw base::SysError("fstat", errno, "of the pages at the source");
  bytes_ = static_cast<size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) throw base::SysError("mmap", errno, "of the pages at the source");
  header_ = static_cast<Header*>(mapped);
}

FarPages::FarPages(FarPages&& other) noexcept
    : header_(std::exchange(other.header_, nullptr)), bytes_(other.bytes_) {}

FarPages::~FarPages() {
  if (header_ != nullptr) ::munmap(header_, bytes_);
}

uint64_t FarPages::bytes_left() const { return header_->left * kPageBytes; }
uint64_t FarPages::bytes_total() const { return header_->pages * kPageBytes; }

const FarPages::SpaceEntry* FarPages::find_space(uint32_t slot) const {
  const std::span entries(after<const SpaceEntry>(header_, sizeof(Header)), header_->spaces);
  const auto found = std::ranges::find(entries, slot, &SpaceEntry::slot);
  return found == entries.end() ? nullptr : &*found;
}

std::span<const FarPages::RangeEntry> FarPages::ranges_of(const SpaceEntry& space) const {
  const auto* all = after<const RangeEntry>(
      header_, sizeof(Header) + header_->spaces * sizeof(SpaceEntry));
  return {all + space.first, space.ranges};
}

std::span<std::atomic<uint64_t>> FarPages::far_bits() const {
  const size_t before = sizeof(Header) + header_->spaces * sizeof(SpaceEntry) +
                        header_->ranges * sizeof(RangeEntry);
  return {after<std::atomic<uint64_t>>(header_, before), words_for(header_->pages)};
}

std::span<std::atomic<uint64_t>> FarPages::asked_bits() const {
  const auto far = far_bits();
  return {far.data() + far.size(), far.size()};
}

bool FarPages::is_far(uint64_t index) const {
  return (far_bits()[index / kWordBits] >> (index % kWordBits) & 1) != 0;
}

// The first page from `index` on that is far; `end` when there is none before it.
uint64_t FarPages::next_set(uint64_t index, uint64_t end) const {
  const auto bits = far_bits();
  while (index < end) {
    const uint64_t word = bits[index / kWordBits] >> (index % kWordBits);
    if (word != 0) return std::min(end, index + static_cast<uint64_t>(std::countr_zero(word)));
    index = (index / kWordBits + 1) * kWordBits;
  }
  return end;
}

// The end of the run of far pages from `index` on.
uint64_t FarPages::run_end(uint64_t index, uint64_t end) const {
  const auto bits = far_bits();
  while (index < end) {
    const uint64_t word = ~(bits[index / kWordBits] >> (index % kWordBits));
    const uint64_t here = kWordBits - index % kWordBits;
    const auto ones = std::min<uint64_t>(static_cast<uint64_t>(std::countr_zero(word)), here);
    index += ones;
    if (ones < here) break;
  }
  return std::min(index, end);
}

FarPages::Run FarPages::look(uint32_t slot, AddressRange wanted) const {
  const SpaceEntry* space = find_space(slot);
  if (space == nullptr) return {wanted, false};
  const auto ranges = ranges_of(*space);
  auto next = std::ranges::upper_bound(ranges, wanted.start, {},
                                       [](const RangeEntry& entry) { return entry.range.end; });
  for (; next != ranges.end() && next->range.start < wanted.end; ++next) {
    const uint64_t start = std::max(wanted.start, next->range.start);
    const uint64_t end = std::min(wanted.end, next->range.end);
    const auto index_of = [&](uint64_t address) {
      return next->index + (address - next->range.start) / kPageBytes;
    };
    const uint64_t first = next_set(index_of(start), index_of(end));
    if (first == index_of(end)) continue;
    const uint64_t found = start + (first - index_of(start)) * kPageBytes;
    if (found > wanted.start) return {{wanted.start, found}, false};
    const uint64_t last = run_end(first, index_of(end));
    return {{found, found + (last - first) * kPageBytes}, true};
  }
  return {wanted, false};
}

void FarPages::clear(uint32_t slot, AddressRange range) {
  const auto bits = far_bits();
  for (uint64_t at = range.start; at < range.end;) {
    const Run run = look(slot, {at, range.end});
    at = run.range.end;
    if (!run.far) continue;
    uint64_t index = position_of(slot, run.range.start);
    for (uint64_t pages = run.range.bytes() / kPageBytes; pages > 0;) {
      const uint64_t bit = index % kWordBits, count = std::min(pages, kWordBits - bit);
      const uint64_t mask = (count == kWordBits ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << bit;
      const uint64_t before = bits[index / kWordBits].fetch_and(~mask);
      header_->left -= static_cast<uint64_t>(std::popcount(before & mask));
      index += count;
      pages -= count;
    }
  }
}

uint64_t FarPages::position_of(uint32_t slot, uint64_t address) const {
  const SpaceEntry* space = find_space(slot);
  if (space == nullptr) return header_->pages;
  const auto ranges = ranges_of(*space);
  const auto next = std::ranges::upper_bound(ranges, address, {}, [](const RangeEntry& entry) {
    return entry.range.end;
  });
  if (next == ranges.end()) return header_->pages;
  const uint64_t inside = address > next->range.start ? address - next->range.start : 0;
  return next->index + inside / kPageBytes;
}

void FarPages::set_puller(const kernel::ProcessId& process) {
  header_->puller_pid = process.pid;
  header_->puller_start = process.start_ticks;
}

kernel::ProcessId FarPages::puller() const {
  return {header_->puller_pid, header_->puller_start};
}

bool FarPages::ask(uint32_t slot, uint64_t address) {
  const uint64_t index = position_of(slot, address);
  if (index >= header_->pages) return false;
  auto& asked = asked_bits()[index / kWordBits];
  const uint64_t bit = uint64_t{1} << (index % kWordBits);
  if ((asked & bit) != 0) return true;
  const uint64_t head = header_->head;
  if (head - header_->tail >= kQueue) return false;
  header_->queue[head % kQueue] = {slot, address};
  header_->head = head + 1;
  asked |= bit;  // last: who is killed before it asks twice, and not never
  return true;
}

std::optional<FarPages::Piece> FarPages::next_asked() {
  while (header_->tail < header_->head) {
    const Asked asked = header_->queue[header_->tail % kQueue];
    ++header_->tail;
    const AddressRange page{asked.address, asked.address + kPageBytes};
    if (!look(asked.slot, page).far) continue;
    return Piece{find_space(asked.slot)->pid, asked.slot, {page}};
  }
  return std::nullopt;
}

void FarPages::forget_asked() {
  for (auto& word : asked_bits()) word = 0;
}

uint64_t FarPages::Piece::bytes() const {
  uint64_t bytes = 0;
  for (const AddressRange& range : ranges) bytes += range.bytes();
  return bytes;
}

FarPages::Piece FarPages::near(uint32_t slot, uint64_t address, uint64_t window) const {
  const SpaceEntry* space = find_space(slot);
  CHECK(space != nullptr);
  Piece piece{space->pid, slot, {}};
  const AddressRange here{address, address + kPageBytes};
  const uint64_t start = address / window * window;
  const auto add = [&](AddressRange part) {
    while (part.start < part.end) {
      const Run run = look(slot, part);
      if (run.far) piece.ranges.push_back(run.range);
      part.start = run.range.end;
    }
  };
  add({start, here.start});
  add({here.end, start + window});
  return piece;
}

std::optional<FarPages::Piece> FarPages::next_far(uint64_t& at, uint64_t most) const {
  const std::span spaces(after<const SpaceEntry>(header_, sizeof(Header)), header_->spaces);
  std::optional<Piece> piece;
  uint64_t held = 0;
  for (const SpaceEntry& space : spaces) {
    const auto ranges = ranges_of(space);
    auto next = std::ranges::upper_bound(ranges, at, {}, [](const RangeEntry& entry) {
      return entry.index + entry.range.bytes() / kPageBytes;
    });
    for (; next != ranges.end(); ++next) {
      const uint64_t end = next->index + next->range.bytes() / kPageBytes;
      for (at = std::max(at, next->index); (at = next_set(at, end)) < end;) {
        const uint64_t stop = std::min(run_end(at, end), at + (most - held) / kPageBytes);
        if (!piece) piece = Piece{space.pid, space.slot, {}};
        const uint64_t start = next->range.start + (at - next->index) * kPageBytes;
        piece->ranges.push_back({start, start + (stop - at) * kPageBytes});
        held += (stop - at) * kPageBytes;
        at = stop;
        if (held >= most || piece->ranges.size() == kMaxPieceRuns) return piece;
      }
    }
    if (piece) return piece;
  }
  return piece;
}

Backing::Piece FarSpace::look(AddressRange range) const {
  const auto run = far_.look(slot_, range);
  if (run.far) return {run.range, Kind::kElsewhere};
  return stored_.look(run.range);
}

void FarSpace::drop(AddressRange range) {
  far_.clear(slot_, range);
  stored_.drop(range);
}

bool FarSpace::request(AddressRange range, Urgency urgency) {
  return urgency == Urgency::kPrefetch || far_.ask(slot_, range.start);  // who pulls looks around
}

}  // namespace ferry::memory
