// SPDX-License-Identifier: Apache-2.0
#include "memory/family.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "memory/page_runs.h"

namespace ferry::memory {
namespace {

using Put = AddressSpace::Put;
using Kind = Backing::Kind;

// Short runs are gathered up to kBatchBytes, but no more than this, or faults would wait.
constexpr int kMaxRunsPerStep = 32;
// Of runs that are zero or at the source, which alternate: faults are looked at in between.
constexpr int kMaxLooksPerStep = 512;

}  // namespace

Family::Family(std::unique_ptr<Backing> backing, SpacePlan plan, std::span<std::byte> buffer)
    : backing_(std::move(backing)), plan_(std::move(plan)), buffer_(buffer) {
  CHECK(buffer_.size() >= kBatchBytes);
}

// Pages of zeros may be holes, and guard regions lie in holes: UFFDIO_COPY would replace the guard.
// As what is not stored is zero in any case, they are left out. Where the workload is known to set
// guards, each page is looked at right before it is put.
Put Family::put_content(AddressSpace& member, uint64_t address, std::span<const std::byte> pages,
                        uint64_t& homeless) {
  const size_t step = member.uses_guards() ? kPageBytes : kBatchBytes;
  return for_each_data_run(pages, Put::kDone, [&](size_t at, size_t bytes) {
    for (const size_t end = at + bytes; at < end; at += step) {
      const auto part = pages.subspan(at, std::min(step, end - at));
      const Put put = put_around_guards(member, address + at, part, homeless);
      if (put != Put::kDone) return put;
    }
    return Put::kDone;
  });
}

// With its guard a page has lost its content, as with MADV_DONTNEED.
Put Family::put_around_guards(AddressSpace& member, uint64_t address,
                              std::span<const std::byte> pages, uint64_t& homeless) {
  const uint64_t end = address + pages.size();
  uint64_t at = address;
  const auto put_until = [&](uint64_t until) {
    if (at >= until) return Put::kDone;
    return member.put(at, pages.subspan(at - address, until - at), homeless);
  };
  for (const AddressRange& guard : member.guards_in({address, end})) {
    if (const Put put = put_until(guard.start); put != Put::kDone) return put;
    remove(member, guard);
    at = std::max(at, guard.end);
  }
  return put_until(end);
}

std::span<std::byte> Family::read(AddressRange positions) {
  const std::span pages = buffer_.first(positions.bytes());
  backing_->read(positions.start, pages);
  return pages;
}

Family::Step Family::fill_range(AddressRange positions) {
  const std::span pages = read(positions);
  uint64_t homeless = 0, homeless_in_children = 0;
  for (AddressSpace* member : members) {
    uint64_t& refused = member->forked ? homeless_in_children : homeless;
    for (const auto& piece : member->placement.places_of(positions)) {
      const auto part = pages.subspan(piece.position - positions.start, piece.at.bytes());
      const Put put = put_content(*member, piece.at.start, part, refused);
      if (put != Put::kDone) return {put, member};
    }
  }
  // A VMA that is being moved cannot be told from one that is not there, for a moment. So a page
  // without a home is left for another pass, and only then given up.
  if (homeless + homeless_in_children > 0 && !giving_up_) {
    homeless_ += homeless + homeless_in_children;
    return {};
  }
  // What is MADV_DONTFORK for the parent has, rightly, no home in the child.
  given_up_ += homeless;
  backing_->drop(positions);
  return {};
}

Family::Step Family::fill(Pass pass, uint64_t most, bool& more) {
  uint64_t filled = 0;
  more = true;
  for (int runs = 0; runs < kMaxRunsPerStep && filled < most; ++runs) {
    auto positions = pass == Pass::kHot ? next_hot() : next_of_rest();
    if (!positions) {
      more = std::exchange(paused_, false);
      return {};
    }
    positions->end = std::min(positions->end, positions->start + (most - filled));
    const Step step = fill_range(*positions);
    if (step.put != Put::kDone) return step;
    (pass == Pass::kHot ? hot_at_ : rest_at_) = positions->end;
    filled += positions->bytes();
  }
  return {};
}

std::optional<AddressRange> Family::next_hot() {
  for (; next_hot_ < plan_.hot.size(); ++next_hot_, hot_at_ = 0) {
    const AddressRange range = plan_.hot[next_hot_];
    for (hot_at_ = std::max(hot_at_, range.start); hot_at_ < range.end;) {
      const auto piece = backing_->look({hot_at_, range.end});
      if (piece.kind == Kind::kData) return piece.range;
      hot_at_ = piece.range.end;
    }
  }
  return std::nullopt;
}

std::optional<AddressRange> Family::next_of_rest() {
  if (rest_at_ == 0) homeless_ = 0;
  for (int looks = 0; rest_at_ < kSpaceEnd; ++looks) {
    if (looks == kMaxLooksPerStep) {
      paused_ = true;
      return std::nullopt;
    }
    const auto piece = backing_->look({rest_at_, kSpaceEnd});
    if (piece.kind == Kind::kData) return piece.range;
    rest_at_ = piece.range.end;
  }
  rest_at_ = 0;
  return std::nullopt;
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
      // Zeros too; where a page is now, UFFDIO_ZEROPAGE changes nothing.
      if (step.put == Put::kDone && piece.kind != Kind::kElsewhere) step.put = member.put_zeros(at);
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
  const Put put = put_content(member, piece.at.start, read(positions), homeless);
  if (put == Put::kDone && homeless == 0 && members.size() == 1) backing_->drop(positions);
  return {put, &member};
}

Family::Served Family::serve(AddressSpace& member, uint64_t address) {
  const uint64_t page = address / kPageBytes * kPageBytes;
  const AddressRange here{page, page + kPageBytes};
  const uint64_t end = (page / kFaultWindowBytes + 1) * kFaultWindowBytes;
  Served served{{Put::kDone, &member}, Served::What::kZeros};
  Step& step = served.step;
  const auto place = member.placement.find(page, end);
  if (!place) {
    step.put = member.put_zeros({page, member.placement.end_of_nowhere(page, end)});
  } else {
    const auto piece = backing_->look({place->position, place->position + place->at.bytes()});
    if (piece.kind == Kind::kElsewhere) {
      served.what = Served::What::kElsewhere;  // also where it could not be asked for: that is tried again
      (void)backing_->request({place->position, place->position + kPageBytes},
                              Backing::Urgency::kFault);
      return served;
    }
    if (piece.kind == Kind::kAbsent) {
      step.put = member.put_zeros({page, page + piece.range.bytes()});
    } else {
      served.what = Served::What::kContent;
      served.end = page + std::min(piece.range.bytes(), kFaultBytes);
      step = copy(member, {{page, served.end}, place->position});
      if (step.put == Put::kDone) step.put = member.put_zeros(here);  // where it was of zeros
    }
  }
  // It may have been there already, or have nothing registered any more: nothing has woken those
  // who wait for it.
  if (step.put == Put::kDone) member.wake(here);
  return served;
}

Family::Step Family::serve_near(AddressSpace& member, AddressRange& left) {
  const uint64_t end = std::min(left.end, left.start + kFaultBytes);
  for (uint64_t& at = left.start; at < end;) {
    const auto place = member.placement.find(at, end);
    if (!place) {
      at = member.placement.end_of_nowhere(at, end);
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

}  // namespace ferry::memory
