// SPDX-License-Identifier: Apache-2.0
#include "memory/premapped.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "memory/page_runs.h"

namespace ferry::memory {
namespace {

// Short runs are gathered, but the filler looks for news now and then.
constexpr int kMostRunsPerBatch = 32;

const PremappedAreas* map_areas(int fd) {
  struct stat about {};
  if (::fstat(fd, &about) < 0 || about.st_size != sizeof(PremappedAreas)) return nullptr;
  void* at = ::mmap(nullptr, sizeof(PremappedAreas), PROT_READ, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? nullptr : static_cast<const PremappedAreas*>(at);
}

}  // namespace

Premapped::Premapped(Premapping premapping, SpacePlan plan, std::unique_ptr<Backing> backing, uint64_t stored)
    : plan_(std::move(plan)),
      backing_(std::move(backing)),
      largest_(kReservation * stored),
      uffd_(std::move(premapping.uffd)),
      areas_(map_areas(premapping.areas.get())),
      buffer_(kLookBytes) {}

Premapped::~Premapped() {
  if (areas_ != nullptr) ::munmap(const_cast<PremappedAreas*>(areas_), sizeof *areas_);
}

Premapped::Step Premapped::fill_one_batch() {
  if (areas_ == nullptr) return Step::kOver;
  take_news();
  uint64_t filled = 0;
  for (int runs = 0; runs < kMostRunsPerBatch && filled < kLookBytes; ++runs) {
    if (areas_->are_moved != 0) return Step::kOver;
    const auto piece = next();
    if (!piece) return filled > 0 ? Step::kFilled : Step::kNothing;
    if (!put(*piece)) return Step::kOver;
    filled += piece->positions.bytes();
  }
  return Step::kFilled;
}

// Areas that have come since may be hotter than what is left. Some have what was prepared for them.
void Premapped::take_news() {
  const uint32_t count = areas_->count.load(std::memory_order_acquire);
  if (known_ == count) return;
  for (const PremappedArea& area : std::span(areas_->areas, count).subspan(known_)) {
    if (area.is_prepared != 0) drop_prepared({area.start, area.start + area.bytes});
  }
  known_ = count;
  hot_index_ = hot_at_ = rest_at_ = 0;
}

void Premapped::drop_prepared(AddressRange area) {
  const auto ends_before = [](const AddressRange& range, uint64_t start) { return range.end <= start; };
  for (auto range = std::lower_bound(plan_.prepared.begin(), plan_.prepared.end(), area.start, ends_before);
       range != plan_.prepared.end() && range->start < area.end; ++range) {
    const AddressRange there{std::max(range->start, area.start), std::min(range->end, area.end)};
    backing_->drop(there);
    bytes_put_ += there.bytes();
  }
}

std::optional<Premapped::Piece> Premapped::next() {
  for (; hot_index_ < plan_.hot.size(); ++hot_index_, hot_at_ = 0) {
    const AddressRange hot = plan_.hot[hot_index_];
    if (const auto piece = stored_within({std::max(hot.start, hot_at_), hot.end})) {
      hot_at_ = piece->positions.end;
      return piece;
    }
  }
  const auto piece = stored_within({rest_at_, kSpaceEnd});
  if (piece) rest_at_ = piece->positions.end;
  return piece;
}

// The areas ascend.
std::optional<Premapped::Piece> Premapped::stored_within(AddressRange wanted) const {
  const std::span known(areas_->areas, known_);
  const auto ends_before = [](const PremappedArea& area, uint64_t start) { return area.start + area.bytes <= start; };
  for (auto area = std::lower_bound(known.begin(), known.end(), wanted.start, ends_before);
       area != known.end() && area->start < wanted.end; ++area) {
    if (area->bytes > largest_) continue;
    const uint64_t end = std::min(wanted.end, area->start + area->bytes);
    for (uint64_t at = std::max(wanted.start, area->start); at < end;) {
      const auto piece = backing_->look({at, end});
      if (piece.kind == Backing::Kind::kData) return Piece{piece.range, area->at + (piece.range.start - area->start)};
      at = piece.range.end;
    }
  }
  return std::nullopt;
}

// What is not stored is zero in any case, and stays untouched.
bool Premapped::put(const Piece& piece) {
  const std::span pages = std::span(buffer_).first(piece.positions.bytes());
  backing_->read(piece.positions.start, pages);
  const bool all = for_each_data_run(pages, true, [&](size_t offset, size_t bytes) {
    const uint64_t at = piece.at + offset;
    const auto moved = uffd_.try_copy({at, at + bytes}, pages.data() + offset);
    bytes_put_ += moved.bytes;
    return moved.bytes == bytes;
  });
  if (all) backing_->drop(piece.positions);
  return all;
}

}  // namespace ferry::memory
