// SPDX-License-Identifier: Apache-2.0
#include "memory/family.h"

#include <algorithm>

#include "memory/vma.h"

namespace ferry::memory {
namespace {

using Put = AddressSpace::Put;
using Kind = Backing::Kind;

// Short runs are gathered up to kBatchBytes, but no more than this, or faults would wait.
constexpr int kMaxRunsPerStep = 32;

}  // namespace

Family::Family(std::unique_ptr<Backing> backing, SpacePlan plan)
    : backing_(std::move(backing)), plan_(std::move(plan)), buffer_(kBatchBytes) {}

std::span<std::byte> Family::read(AddressRange positions) {
  const std::span pages = std::span(buffer_).first(positions.bytes());
  backing_->read(positions.start, pages);
  return pages;
}

Family::Step Family::fill_range(AddressRange positions) {
  const std::span pages = read(positions);
  uint64_t homeless = 0, given_up = 0;
  for (AddressSpace* member : members) {
    // What is MADV_DONTFORK for the parent has, rightly, no memory in the child.
    uint64_t& refused = member->forked ? given_up : homeless;
    for (const auto& piece : member->placement.places_of(positions)) {
      const auto part = pages.subspan(piece.position - positions.start, piece.at.bytes());
      const Put put = member->put(piece.at.start, part, refused);
      if (put != Put::kDone) return {put, member};
    }
  }
  // A VMA that is being moved cannot be told from one that is not there, for a moment. So a page without a home is left for
  // another pass, and only then given up.
  if (homeless > 0 && !giving_up_) {
    homeless_ += homeless;
    return {};
  }
  given_up_ += homeless;
  backing_->drop(positions);
  return {};
}

Family::Step Family::fill(Pass pass, bool& more) {
  more = false;
  const bool hot = pass == Pass::kHot;
  uint64_t filled = 0;
  for (int runs = 0; runs < kMaxRunsPerStep && filled < kBatchBytes; ++runs) {
    if (hot && next_hot_ == plan_.hot.size()) return {};
    if (!hot && cursor_ == 0) homeless_ = 0;
    const uint64_t start = hot ? plan_.hot[next_hot_].start + hot_offset_ : cursor_;
    const uint64_t end = hot ? plan_.hot[next_hot_].end : kSpaceEnd;
    AddressRange positions{start, start};
    if (start < end) {
      const auto piece = backing_->look({start, end});
      positions = piece.range;
      if (piece.kind == Kind::kData) {
        // Batches end at multiples of their size, where page tables do, too.
        const uint64_t boundary = (start / kBatchBytes + 1) * kBatchBytes;
        positions.end = std::min(piece.range.end, boundary);
        const Step step = fill_range(positions);
        more = true;
        if (step.put != Put::kDone) return step;
        filled += positions.bytes();
      }
    }
    if (hot) {
      hot_offset_ += positions.bytes();
      if (start >= end) ++next_hot_, hot_offset_ = 0;
      more = true;
    } else if (positions.end >= kSpaceEnd) {
      cursor_ = 0;
      more = false;
      return {};
    } else {
      cursor_ = positions.end;
      more = true;
    }
  }
  return {};
}

bool Family::is_empty() const {
  const auto piece = backing_->look({0, kSpaceEnd});
  return piece.kind == Kind::kAbsent && piece.range.end == kSpaceEnd;
}

Family::Step Family::prefill() {
  for (AddressSpace* member : members) {
    for (const AddressRange& range : plan_.first) {
      for (uint64_t at = range.start; at < range.end;) {
        const uint64_t end = std::min(range.end, at + kBatchBytes);
        const Step step = prefill_member(*member, {at, end});
        if (step.put != Put::kDone) return step;
        at = end;
      }
    }
  }
  return {};
}

Family::Step Family::prefill_member(AddressSpace& member, AddressRange positions) {
  for (const auto& place : member.placement.places_of(positions)) {
    for (uint64_t done = 0; done < place.at.bytes();) {
      const uint64_t position = place.position + done;
      const auto piece = backing_->look({position, place.position + place.at.bytes()});
      const uint64_t address = place.at.start + done;
      const AddressRange at{address, address + piece.range.bytes()};
      Step step{Put::kDone, &member};
      if (piece.kind == Kind::kData) step = copy(member, {at, position});
      if (piece.kind == Kind::kAbsent) step.put = member.put_zeros(at);
      if (step.put != Put::kDone) return step;
      done += piece.range.bytes();
    }
  }
  return {};
}

// Into this member; the page is dropped when there is no other.
Family::Step Family::copy(AddressSpace& member, const Placement::Piece& piece) {
  const AddressRange positions{piece.position, piece.position + piece.at.bytes()};
  uint64_t homeless = 0;
  const Put put = member.put(piece.at.start, read(positions), homeless);
  if (put == Put::kDone && homeless == 0 && members.size() == 1) backing_->drop(positions);
  return {put, &member};
}

Family::Step Family::serve(AddressSpace& member, uint64_t address, bool& pending) {
  const uint64_t page = address / kPageBytes * kPageBytes;
  const AddressRange here{page, page + kPageBytes};
  const AddressRange window{page / kFaultWindowBytes * kFaultWindowBytes,
                            (page / kFaultWindowBytes + 1) * kFaultWindowBytes};
  pending = false;
  Step step{Put::kDone, &member};
  const auto place = member.placement.find(page, window.end);
  if (!place) {
    step.put = member.put_zeros({page, member.placement.end_of_nowhere(page, window.end)});
  } else {
    const auto piece = backing_->look({place->position, place->position + place->at.bytes()});
    if (piece.kind == Kind::kElsewhere) {
      pending = backing_->request({place->position, place->position + kPageBytes},
                                  Backing::Urgency::kFault);
      return step;
    }
    if (piece.kind == Kind::kAbsent) {
      step.put = member.put_zeros({page, page + piece.range.bytes()});
    } else {
      step = copy(member, {here, place->position});  // the one that is waited for, first
      if (step.put == Put::kDone) member.wake(here);
      if (step.put == Put::kDone) step = serve_near(member, window);
    }
  }
  // It may have been there already, or have nothing registered any more: nothing has woken those who wait for it.
  if (step.put == Put::kDone) member.wake(here);
  return step;
}

Family::Step Family::serve_near(AddressSpace& member, AddressRange window) {
  for (uint64_t at = window.start; at < window.end;) {
    const auto place = member.placement.find(at, window.end);
    if (!place) {
      at = member.placement.end_of_nowhere(at, window.end);
      continue;
    }
    const auto piece = backing_->look({place->position, place->position + place->at.bytes()});
    const uint64_t bytes = piece.range.bytes();
    if (piece.kind == Kind::kData) {
      const Step step = copy(member, {{at, at + bytes}, place->position});
      if (step.put != Put::kDone) return step;
    } else if (piece.kind == Kind::kElsewhere) {
      (void)backing_->request(piece.range, Backing::Urgency::kPrefetch);
    }
    at += bytes;
  }
  return {};
}

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
    if (piece.kind != Kind::kAbsent) stored.push_back(piece.range);
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
  if (stored_at(member, {from, from + bytes}).empty() && stored_at(member, {to, to + bytes}).empty()) {
    return false;
  }
  member.placement.move(from, to, bytes);
  return true;
}

}  // namespace ferry::memory
