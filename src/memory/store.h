// SPDX-License-Identifier: Apache-2.0
//
// The target's copy of the memory plane: one sparse memfd, in which each address space has a slot
// of 2^48 bytes and the page of address A stands at A of its slot. What is a hole is zero: there is
// no index beside the file, and a page that was put in place in the workload is punched out.
// Several receiving lanes may put pages at once.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "base/fd.h"
#include "memory/backing.h"
#include "memory/page_set.h"

namespace ferry::memory {

// User addresses of x86-64 and arm64 without the larger page tables that a program has to ask for
// (LA57, LVA).
inline constexpr unsigned kSpaceBits = 48;
inline constexpr uint64_t kSpaceEnd = uint64_t{1} << kSpaceBits;
inline constexpr size_t kMaxSpaces = size_t{1} << (63 - kSpaceBits);

// What is known about one address space besides its pages; for whoever fills it.
struct SpacePlan {
  int32_t pid = 0;  // as the restored workload sees it
  uint32_t slot = 0;
  std::vector<AddressRange> first;  // to be in place before the workload runs
  std::vector<AddressRange> hot;    // written last before the freeze; hottest first
  std::vector<AddressRange> prepared;  // in the reserve (reserve_table.h); ascending
};

class Store {
 public:
  Store();
  Store(const Store&) = delete;

  // Pages of the space that `pid` names; made at its first mention. `round` 0 is the first copy:
  // pages of later rounds are hot. Throws Error on addresses that no page can have, SysError when
  // memory runs out.
  void put(int32_t pid, uint64_t address, std::span<const std::byte> pages, unsigned round);
  void put_zero(int32_t pid, AddressRange range);
  void drop(int32_t pid, AddressRange range) { put_zero(pid, range); }
  // All pages outside `present` (ascending) are gone from the source.
  void keep_only(int32_t pid, std::span<const AddressRange> present);
  void forget(int32_t pid);  // the process has ended, or runs another program
  void set_first(int32_t pid, std::vector<AddressRange> ranges);
  void set_prepared(int32_t pid, std::vector<AddressRange> ranges);

  uint64_t bytes_held() const;  // by all spaces, in RAM
  std::vector<AddressRange> stored(int32_t pid) const;
  std::vector<SpacePlan> plans() const;
  int fd() const { return memfd_.get(); }

 private:
  struct Space {
    uint32_t slot = 0;
    std::vector<AddressRange> first, prepared;
    std::map<unsigned, std::vector<AddressRange>> sent;  // by round, the last few
  };
  uint32_t slot_of(int32_t pid);  // made at need
  void note_sent(int32_t pid, AddressRange range, unsigned round);

  base::Fd memfd_;
  mutable std::mutex mutex_;  // of spaces_
  std::map<int32_t, Space> spaces_;
  uint32_t next_slot_ = 0;
};

uint64_t file_bytes(int fd);  // what a sparse file holds

// Runs of data that a StoredSpace tells of end at multiples of this.
inline constexpr uint64_t kLookBytes = 256 << 10;

// One slot of a store, through a descriptor of its memfd that stays the caller's.
class StoredSpace : public Backing {
 public:
  StoredSpace(int memfd, uint32_t slot) : memfd_(memfd), base_(uint64_t{slot} << kSpaceBits) {}
  Piece look(AddressRange range) const override;
  void read(uint64_t position, std::span<std::byte> into) const override;
  void drop(AddressRange range) override;
  void put(uint64_t position, std::span<const std::byte> pages);
  bool request(AddressRange, Urgency) override { return false; }  // nothing is elsewhere

 private:
  int memfd_;
  uint64_t base_;
};

}  // namespace ferry::memory
