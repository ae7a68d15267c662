// SPDX-License-Identifier: Apache-2.0
//
// A restored address space and those that were forked from it since. At the fork both lack the same
// pages, so they share one backing; each has its own placement. A stored page is dropped when all
// have it: the background fill goes through the backing, not through an address space, and serves
// all members at each step. It needs no memory of what it has done: a page that is in the backing
// may be in place already, a page that is missing is in the backing (or zero).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "memory/address_space.h"
#include "memory/backing.h"
#include "memory/store.h"

namespace ferry::memory {

// UFFDIO_COPY from a buffer that pread(2) has just filled is three times as fast as from a window
// of the file that is mapped for the purpose (0.76 against 0.21 GB/s under load): the buffer stays
// in the second-level cache. Smaller batches cost more calls, larger ones fall out of the cache and
// make faults wait.
inline constexpr uint64_t kBatchBytes = kLookBytes;
// Put in place for a fault at once: its page and those that a value of some kilobytes goes on in. The rest of the window around it comes
// when nobody waits: a cold page takes up to 10 µs, and who wakes up after a pause faults some thousand times one after the other.
inline constexpr uint64_t kFaultBytes = 16 << 10, kFaultWindowBytes = 64 << 10;

class Family {
 public:
  // `buffer`: kBatchBytes, which all families may share.
  Family(std::unique_ptr<Backing> backing, SpacePlan plan, std::span<std::byte> buffer);

  std::vector<AddressSpace*> members;  // those that have gone are taken out

  struct Step {
    AddressSpace::Put put = AddressSpace::Put::kDone;
    AddressSpace* member = nullptr;  // of whom it speaks, where it is not kDone
  };
  // The pages of the plan's `first` ranges, zeros too, into all members. Repeated until kDone.
  Step prefill();
  struct Served {
    enum class What { kZeros, kContent, kElsewhere };
    Step step;
    What what = What::kZeros;
    uint64_t end = 0;  // kContent: so far
  };
  // The page at `address` of a member and some after it. kDone: whoever waits for it goes on, or the page is elsewhere and asked for.
  Served serve(AddressSpace& member, uint64_t address);
  // The first pages of `left`, which it is less afterwards: near a page of content that was served.
  Step serve_near(AddressSpace& member, AddressRange& left);

  enum class Pass { kHot, kRest };
  // The next batch of the background fill, of `most` bytes. `more`: there was one.
  Step fill(Pass pass, uint64_t most, bool& more);
  bool is_empty() const;  // the backing
  Backing& backing() const { return *backing_; }
  // Pages that had nowhere to go in the last pass and are still there; the next pass gives them up.
  uint64_t homeless_bytes() const { return homeless_; }
  void give_up_homeless() { giving_up_ = true; }
  uint64_t given_up_bytes() const { return given_up_; }

  // The member is told what the kernel says happened to its memory. False: no stored page was
  // concerned, it need not be remembered.
  bool remove(AddressSpace& member, AddressRange at);
  bool move(AddressSpace& member, uint64_t from, uint64_t to, uint64_t bytes);

 private:
  Step fill_range(AddressRange positions);
  std::optional<AddressRange> next_hot();
  std::optional<AddressRange> next_of_rest();
  Step prefill_member(AddressSpace& member, AddressRange positions);
  AddressSpace::Put put_content(AddressSpace& member, uint64_t address,
                                std::span<const std::byte> pages, uint64_t& homeless);
  AddressSpace::Put put_around_guards(AddressSpace& member, uint64_t address,
                                      std::span<const std::byte> pages, uint64_t& homeless);
  Step copy(AddressSpace& member, const Placement::Piece& piece);
  std::vector<AddressRange> stored_at(const AddressSpace& member, AddressRange at) const;
  std::span<std::byte> read(AddressRange positions);

  std::unique_ptr<Backing> backing_;
  SpacePlan plan_;
  std::span<std::byte> buffer_;
  size_t next_hot_ = 0;
  uint64_t hot_at_ = 0, rest_at_ = 0;  // positions that the passes have come to
  uint64_t homeless_ = 0, given_up_ = 0;
  bool giving_up_ = false;
  bool paused_ = false;  // a pass, to look for faults
};

}  // namespace ferry::memory
