// SPDX-License-Identifier: Apache-2.0
#include "memory/page_set.h"

#include <algorithm>

#include "base/error.h"

namespace ferry::memory {
namespace {

// Appends to sorted ranges: `range` starts at or after the last one's start.
void append(std::vector<AddressRange>& ranges, AddressRange range) {
  if (!ranges.empty() && range.start <= ranges.back().end) {
    ranges.back().end = std::max(ranges.back().end, range.end);
  } else {
    ranges.push_back(range);
  }
}

bool by_start(const AddressRange& a, const AddressRange& b) { return a.start < b.start; }

auto first_ending_after(const std::vector<AddressRange>& ranges, uint64_t address) {
  return std::ranges::upper_bound(ranges, address, {}, &AddressRange::end);
}

}  // namespace

PageSet::PageSet(std::initializer_list<AddressRange> ranges) {
  for (const AddressRange& range : ranges) insert(range);
}

void PageSet::insert(AddressRange range) {
  CHECK(range.start % kPageBytes == 0 && range.end % kPageBytes == 0);
  if (range.start >= range.end) return;
  if (pending_.empty() && (sorted_.empty() || range.start >= sorted_.back().start)) {
    append(sorted_, range);
  } else {
    pending_.push_back(range);
  }
}

void PageSet::insert(const PageSet& other) {
  if (&other == this) return;
  for (const AddressRange& range : other.ranges()) insert(range);
}

void PageSet::merge_pending() const {
  std::ranges::sort(pending_, by_start);
  std::vector<AddressRange> merged;
  merged.reserve(sorted_.size() + pending_.size());
  auto a = sorted_.cbegin();
  auto b = pending_.cbegin();
  while (a != sorted_.cend() || b != pending_.cend()) {
    const bool take_a = b == pending_.cend() || (a != sorted_.cend() && a->start <= b->start);
    append(merged, take_a ? *a++ : *b++);
  }
  sorted_ = std::move(merged);
  pending_.clear();
}

const std::vector<AddressRange>& PageSet::ranges() const {
  if (!pending_.empty()) merge_pending();
  return sorted_;
}

void PageSet::erase(AddressRange range) {
  if (range.start < range.end && intersects(range)) *this = difference(PageSet{range});
}

void PageSet::erase(const PageSet& other) { *this = difference(other); }

void PageSet::clear() {
  sorted_.clear();
  pending_.clear();
}

PageSet PageSet::intersection(const PageSet& other) const {
  PageSet result;
  const auto& left = ranges();
  const auto& right = other.ranges();
  for (auto a = left.begin(), b = right.begin(); a != left.end() && b != right.end();) {
    const AddressRange both{std::max(a->start, b->start), std::min(a->end, b->end)};
    if (both.start < both.end) result.sorted_.push_back(both);
    a->end < b->end ? ++a : ++b;
  }
  return result;
}

PageSet PageSet::difference(const PageSet& other) const {
  PageSet result;
  const auto& cuts = other.ranges();
  auto cut = cuts.begin();
  for (const AddressRange& range : ranges()) {
    uint64_t at = range.start;
    while (cut != cuts.end() && cut->end <= at) ++cut;
    for (auto c = cut; c != cuts.end() && c->start < range.end; ++c) {
      if (at < c->start) result.sorted_.push_back({at, c->start});
      at = std::max(at, c->end);
    }
    if (at < range.end) result.sorted_.push_back({at, range.end});
    while (cut != cuts.end() && cut->end <= range.end) ++cut;
  }
  return result;
}

PageSet PageSet::within(AddressRange range) const {
  PageSet result;
  const auto& all = ranges();
  for (auto it = first_ending_after(all, range.start); it != all.end() && it->start < range.end; ++it) {
    result.sorted_.push_back({std::max(it->start, range.start), std::min(it->end, range.end)});
  }
  return result;
}

std::optional<AddressRange> PageSet::find_from(uint64_t address) const {
  const auto it = first_ending_after(ranges(), address);
  if (it == sorted_.end()) return std::nullopt;
  return *it;
}

bool PageSet::contains(uint64_t address) const {
  const auto range = find_from(address);
  return range && range->start <= address;
}

bool PageSet::covers(AddressRange range) const {
  if (range.start >= range.end) return true;
  const auto found = find_from(range.start);
  return found && found->start <= range.start && found->end >= range.end;
}

bool PageSet::intersects(AddressRange range) const {
  const auto found = find_from(range.start);
  return found && found->start < range.end;
}

uint64_t PageSet::pages() const {
  uint64_t bytes = 0;
  for (const AddressRange& range : ranges()) bytes += range.bytes();
  return bytes / kPageBytes;
}

}  // namespace ferry::memory
