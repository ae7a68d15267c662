// SPDX-License-Identifier: Apache-2.0
#include "memory/placement.h"

#include <algorithm>

#include "base/error.h"
#include "memory/store.h"

namespace ferry::memory {

Placement::Placement() { insert({0, kSpaceEnd}, 0); }

void Placement::insert(AddressRange at, uint64_t position) {
  by_address_[at.start] = {at.end, position};
  by_position_[position] = {position + at.bytes(), at.start};
}

void Placement::remove(AddressRange at) {
  if (at.start >= at.end) return;
  auto part = by_address_.upper_bound(at.start);
  if (part != by_address_.begin()) --part;
  while (part != by_address_.end() && part->first < at.end) {
    const auto [start, whole] = *part;
    if (whole.end <= at.start) {
      ++part;
      continue;
    }
    part = by_address_.erase(part);
    by_position_.erase(whole.other);
    if (start < at.start) insert({start, at.start}, whole.other);
    if (whole.end > at.end) insert({at.end, whole.end}, whole.other + (at.end - start));
    part = by_address_.lower_bound(std::min(whole.end, at.end));
  }
}

void Placement::move(uint64_t from, uint64_t to, uint64_t bytes) {
  std::vector<Piece> moved;
  for (uint64_t at = from; at < from + bytes;) {
    if (const auto piece = find(at, from + bytes)) {
      moved.push_back({{piece->at.start - from + to, piece->at.end - from + to}, piece->position});
      at = piece->at.end;
    } else {
      at = end_of_nowhere(at, from + bytes);
    }
  }
  remove({from, from + bytes});
  remove({to, to + bytes});
  for (const Piece& piece : moved) insert(piece.at, piece.position);
}

std::optional<Placement::Piece> Placement::find(uint64_t address, uint64_t end) const {
  auto part = by_address_.upper_bound(address);
  if (part == by_address_.begin()) return std::nullopt;
  --part;
  if (part->second.end <= address) return std::nullopt;
  return Piece{{address, std::min(part->second.end, end)},
               part->second.other + (address - part->first)};
}

uint64_t Placement::end_of_nowhere(uint64_t address, uint64_t end) const {
  const auto next = by_address_.upper_bound(address);
  return next == by_address_.end() ? end : std::min(next->first, end);
}

std::vector<Placement::Piece> Placement::places_of(AddressRange positions) const {
  std::vector<Piece> places;
  auto part = by_position_.upper_bound(positions.start);
  if (part != by_position_.begin()) --part;
  for (; part != by_position_.end() && part->first < positions.end; ++part) {
    const uint64_t start = std::max(part->first, positions.start);
    const uint64_t end = std::min(part->second.end, positions.end);
    if (start >= end) continue;
    const uint64_t address = part->second.other + (start - part->first);
    places.push_back({{address, address + (end - start)}, start});
  }
  return places;
}

}  // namespace ferry::memory
