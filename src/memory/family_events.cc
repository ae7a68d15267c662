// SPDX-License-Identifier: Apache-2.0
//
// What a member of a family does to its address space while it is being filled.
#include "memory/family.h"

namespace ferry::memory {

// Positions of what a range of the member still has in the backing (or at the source).
std::vector<AddressRange> Family::stored_at(const AddressSpace& member, AddressRange at) const {
  std::vector<AddressRange> stored;
  for (uint64_t address = at.start; address < at.end;) {
    const auto place = member.placement.find(address, at.end);
    if (!place) {
      address = member.placement.end_of_nowhere(address, at.end);
      continue;
    }
    const auto piece = backing_->look({place->position, place->position + place->at.bytes()});
    if (piece.kind != Backing::Kind::kAbsent) {
      const bool adjacent = !stored.empty() && stored.back().end == piece.range.start;
      if (adjacent) stored.back().end = piece.range.end;
      if (!adjacent) stored.push_back(piece.range);
    }
    address += piece.range.bytes();
  }
  return stored;
}

bool Family::remove(AddressSpace& member, AddressRange at) {
  const auto stored = stored_at(member, at);
  if (stored.empty()) return false;
  member.placement.remove(at);
  // Where others may need it, the background fill comes by and sees.
  if (members.size() == 1) {
    for (const AddressRange& positions : stored) backing_->drop(positions);
  }
  return true;
}

bool Family::move(AddressSpace& member, uint64_t from, uint64_t to, uint64_t bytes) {
  if (stored_at(member, {from, from + bytes}).empty() &&
      stored_at(member, {to, to + bytes}).empty()) {
    return false;
  }
  member.placement.move(from, to, bytes);
  return true;
}

}  // namespace ferry::memory
