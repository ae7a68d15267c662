// SPDX-License-Identifier: Apache-2.0
#include "memory/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/error.h"

namespace ferry::memory {
namespace {

// More rounds back, a page is no hotter than any other.
constexpr size_t kHotRounds = 3;
// A round that wrote more runs than this is no hint of what is hot (16 bytes each).
constexpr size_t kMaxHotRuns = 1 << 16;

void require_pages(AddressRange range) {
  if (range.start <= range.end && range.end <= kSpaceEnd && range.start % kPageBytes == 0 &&
      range.end % kPageBytes == 0) {
    return;
  }
  throw base::Error(
      {"cannot store pages",
       fmt::format("{:#x}-{:#x} are no pages of a program's memory", range.start, range.end),
       "",
       {},
       {}});
}

void punch(int fd, uint64_t start, uint64_t bytes) {
  if (bytes == 0) return;
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  while (::fallocate(fd, kMode, static_cast<off_t>(start), static_cast<off_t>(bytes)) < 0) {
    if (errno != EINTR) throw base::SysError("fallocate", errno, "punching pages out of the store");
  }
}

void write_at(int fd, uint64_t at, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t put = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw base::SysError("pwrite", errno, "to the store of the workload's memory");
    at += static_cast<uint64_t>(put);
    data = data.subspan(static_cast<size_t>(put));
  }
}

// The next data (or hole) from `at` on; nothing: there is none before the end of the file.
std::optional<uint64_t> seek(int fd, uint64_t at, int what) {
  const off_t found = ::lseek(fd, static_cast<off_t>(at), what);
  if (found >= 0) return static_cast<uint64_t>(found);
  if (errno == ENXIO) return std::nullopt;
  throw base::SysError("lseek", errno, "in the store");
}

}  // namespace

Store::Store() : memfd_(::memfd_create("ferry-store", MFD_CLOEXEC)) {
  if (!memfd_) throw base::SysError("memfd_create", errno, "for the store");
}

uint32_t Store::slot_of(int32_t pid) {
  const std::lock_guard lock(mutex_);
  if (const auto known = spaces_.find(pid); known != spaces_.end()) return known->second.slot;
  if (next_slot_ == kMaxSpaces) {
    throw base::Error({"cannot store the workload's memory",
                       fmt::format("it has more than {} processes", kMaxSpaces),
                       "",
                       {},
                       {}});
  }
  const uint32_t slot = next_slot_++;
  spaces_[pid].slot = slot;
  // The file must reach over the whole slot: a hole at its end is told from the end of the file.
  const off_t size = static_cast<off_t>((uint64_t{slot} + 1) * kSpaceEnd - 1);
  if (::ftruncate(memfd_.get(), size) < 0) throw base::SysError("ftruncate", errno, "of the store");
  return slot;
}

void Store::put(int32_t pid, uint64_t address, std::span<const std::byte> pages, unsigned round) {
  const AddressRange range{address, address + pages.size()};
  require_pages(range);
  const uint64_t base = uint64_t{slot_of(pid)} << kSpaceBits;
  write_at(memfd_.get(), base + address, pages);
  if (round > 0) note_sent(pid, range, round);
}

void Store::put_zero(int32_t pid, AddressRange range) {
  require_pages(range);
  punch(memfd_.get(), (uint64_t{slot_of(pid)} << kSpaceBits) + range.start, range.bytes());
}

void Store::keep_only(int32_t pid, std::span<const AddressRange> present) {
  uint64_t at = 0;
  for (const AddressRange& range : present) {
    CHECK(at <= range.start);
    put_zero(pid, {at, range.start});
    at = range.end;
  }
  put_zero(pid, {at, kSpaceEnd});
}

void Store::forget(int32_t pid) {
  {
    const std::lock_guard lock(mutex_);
    if (!spaces_.contains(pid)) return;
  }
  put_zero(pid, {0, kSpaceEnd});
  const std::lock_guard lock(mutex_);
  spaces_.erase(pid);
}

void Store::set_first(int32_t pid, std::vector<AddressRange> ranges) {
  slot_of(pid);
  for (const AddressRange& range : ranges) require_pages(range);
  const std::lock_guard lock(mutex_);
  spaces_[pid].first = std::move(ranges);
}

void Store::set_prepared(int32_t pid, std::vector<AddressRange> ranges) {
  const std::lock_guard lock(mutex_);
  spaces_.at(pid).prepared = std::move(ranges);
}

void Store::note_sent(int32_t pid, AddressRange range, unsigned round) {
  const std::lock_guard lock(mutex_);
  auto& rounds = spaces_[pid].sent;
  auto& runs = rounds[round];
  if (!runs.empty() && runs.back().end == range.start) {
    runs.back().end = range.end;
  } else if (runs.size() < kMaxHotRuns) {
    runs.push_back(range);
  }
  if (rounds.size() > kHotRounds) rounds.erase(rounds.begin());
}

uint64_t Store::bytes_held() const { return file_bytes(memfd_.get()); }

uint64_t file_bytes(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) < 0) throw base::SysError("fstat", errno, "of the store");
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

std::vector<AddressRange> Store::stored(int32_t pid) const {
  uint32_t slot;
  {
    const std::lock_guard lock(mutex_);
    const auto found = spaces_.find(pid);
    if (found == spaces_.end()) return {};
    slot = found->second.slot;
  }
  const uint64_t base = uint64_t{slot} << kSpaceBits, end = base + kSpaceEnd;
  std::vector<AddressRange> ranges;
  for (uint64_t at = base;;) {
    const auto data = seek(memfd_.get(), at, SEEK_DATA);
    if (!data || *data >= end) return ranges;
    at = std::min(seek(memfd_.get(), *data, SEEK_HOLE).value_or(end), end);
    ranges.push_back({*data - base, at - base});
  }
}

std::vector<SpacePlan> Store::plans() const {
  const std::lock_guard lock(mutex_);
  std::vector<SpacePlan> plans;
  for (const auto& [pid, space] : spaces_) {
    SpacePlan& plan = plans.emplace_back(SpacePlan{pid, space.slot, space.first, {}, space.prepared});
    for (auto round = space.sent.rbegin(); round != space.sent.rend(); ++round) {
      plan.hot.insert(plan.hot.end(), round->second.begin(), round->second.end());
    }
  }
  return plans;
}

Backing::Piece StoredSpace::look(AddressRange range) const {
  const auto found = seek(memfd_, base_ + range.start, SEEK_DATA);
  const uint64_t data = found ? std::min(*found - base_, range.end) : range.end;
  if (data > range.start) return {{range.start, data}, Kind::kAbsent};
  // SEEK_HOLE would walk through all the pages up to the next hole, at each step of the fill:
  // seconds per GiB.
  const uint64_t boundary = (range.start / kLookBytes + 1) * kLookBytes;
  return {{range.start, std::min(boundary, range.end)}, Kind::kData};
}

void StoredSpace::read(uint64_t position, std::span<std::byte> into) const {
  uint64_t at = base_ + position;
  while (!into.empty()) {
    const ssize_t got = ::pread(memfd_, into.data(), into.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::SysError("pread", errno, "of the store");
    CHECK(got > 0);
    at += static_cast<uint64_t>(got);
    into = into.subspan(static_cast<size_t>(got));
  }
}

void StoredSpace::put(uint64_t position, std::span<const std::byte> pages) {
  write_at(memfd_, base_ + position, pages);
}

void StoredSpace::drop(AddressRange range) { punch(memfd_, base_ + range.start, range.bytes()); }

}  // namespace ferry::memory
