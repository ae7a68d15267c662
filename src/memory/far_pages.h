// SPDX-License-Identifier: Apache-2.0
//
// Post-copy: which pages of the restored workload are still at the source, and which of them
// somebody waits for. One table in a memfd, shared by the filler, who asks, and by the ferry that
// pulls, which answers by putting the page into the store and then taking its mark away. Either may
// be killed at any instruction: a mark that stays is a page that is pulled once more.
//
// Whoever pulls keeps this order for each page, one thread at a time: is it marked? put it into the
// store, take the mark away. A page without a mark is never put: it may be in place already, and be
// written or dropped by the workload since.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"
#include "kernel/procfs.h"
#include "memory/store.h"

namespace ferry::memory {

class FarPages {
 public:
  struct Space {
    int32_t pid = 0;
    uint32_t slot = 0;  // of the store
    PageSet pages;
  };
  static void write(int fd, std::span<const Space> spaces);  // into an empty file
  explicit FarPages(int fd);  // which is not needed after it
  FarPages(FarPages&& other) noexcept;
  FarPages& operator=(FarPages&&) = delete;
  ~FarPages();

  uint64_t bytes_left() const;
  uint64_t bytes_total() const;

  struct Run {
    AddressRange range;
    bool far = false;
  };
  // The run of one kind from range.start on, within `range`.
  Run look(uint32_t slot, AddressRange range) const;
  // They are here now, or nobody will need them.
  void clear(uint32_t slot, AddressRange range);

  // ---- faults: one asks, one answers ----
  // A thread of the workload waits for this page. False: too many are being waited for; ask again.
  [[nodiscard]] bool ask(uint32_t slot, uint64_t address);
  struct Piece {  // pages of one space, ascending
    int32_t pid = 0;
    uint32_t slot = 0;
    std::vector<AddressRange> ranges;
    uint64_t bytes() const;
  };
  std::optional<Piece> next_asked();  // one page
  // What an earlier one was asked for and has not brought is asked for again.
  void forget_asked();
  // The pages around an address that are still far, in the aligned window; not the page itself.
  Piece near(uint32_t slot, uint64_t address, uint64_t window) const;

  // ---- the rest ----
  // Up to `most` bytes of one space, from the position `at` (0 … end) on; `at` moves behind them.
  // Nothing: none up to the end.
  std::optional<Piece> next_far(uint64_t& at, uint64_t most) const;
  uint64_t position_of(uint32_t slot, uint64_t address) const;

  // Who pulls now; its end takes it away (it is alive or it is not).
  void set_puller(const kernel::ProcessId& process);
  kernel::ProcessId puller() const;

 private:
  struct Header;
  struct SpaceEntry;
  struct RangeEntry;
  const SpaceEntry* find_space(uint32_t slot) const;
  std::span<const RangeEntry> ranges_of(const SpaceEntry& space) const;
  std::span<std::atomic<uint64_t>> far_bits() const;
  std::span<std::atomic<uint64_t>> asked_bits() const;
  bool is_far(uint64_t index) const;
  uint64_t run_end(uint64_t index, uint64_t end) const;
  uint64_t next_set(uint64_t index, uint64_t end) const;

  Header* header_ = nullptr;
  size_t bytes_ = 0;
};

// A slot of the store of which some pages are still at the source. Both outlive it.
class FarSpace : public Backing {
 public:
  FarSpace(int memfd, uint32_t slot, FarPages& far)
      : stored_(memfd, slot), slot_(slot), far_(far) {}
  Piece look(AddressRange range) const override;
  void read(uint64_t position, std::span<std::byte> into) const override {
    stored_.read(position, into);
  }
  void drop(AddressRange range) override;
  bool request(AddressRange range, Urgency urgency) override;

 private:
  StoredSpace stored_;
  uint32_t slot_;
  FarPages& far_;
};

}  // namespace ferry::memory
