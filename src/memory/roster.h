// SPDX-License-Identifier: Apache-2.0
//
// The address spaces that are being filled, and the log that a new filler rebuilds them from.
// Everything that changes the roster goes through the log first.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "memory/family.h"
#include "memory/far_pages.h"
#include "memory/settle_state.h"

namespace ferry::memory {

class Roster {
 public:
  explicit Roster(const SharedState& state);
  // What earlier fillers have seen. Then whoever waits for one of them is woken, and asks again.
  void recover();
  void wake_all() const;

  void add(const Arrival& arrival);
  // Reads what the kernel has to say of a member; adds to `faults`. False: nothing is waiting.
  bool read(AddressSpace& member, std::vector<uint64_t>& faults);
  enum class End { kVanished, kSettled };
  // Nothing more to be done for it: its descriptor is closed.
  void retire(AddressSpace& member, End end);

  // Pages that a forked child does not get from this member.
  void set_unshared(const AddressSpace& member, std::vector<AddressRange> ranges);

  const std::vector<std::unique_ptr<Family>>& families() const { return families_; }
  std::vector<AddressSpace*> members() const;  // that have not gone
  Family& family_of(const AddressSpace& member) const { return *family_of_.at(member.id()); }
  // A process of which pages are stored, but which has not been restored.
  std::optional<int32_t> stored_without_space() const;
  // What is stored of that process; nothing: no page.
  const SpacePlan* find_plan(int32_t pid) const;
  std::unique_ptr<Backing> backing_of(const SpacePlan& plan) const;
  bool any_settled() const { return any_settled_; }
  // Still at the source.
  uint64_t far_bytes() const { return far_ ? far_->bytes_left() : 0; }

 private:
  bool apply(AddressSpace& member, const uffd_msg& message);
  void apply_fork(AddressSpace& parent, int uffd);
  void replay(const LogEntry& entry);
  void make_family(const LogEntry& arrived);
  AddressSpace& make_member(int uffd, Family& family);
  void remove(AddressSpace& member, End end);

  const SharedState& state_;
  std::vector<std::byte> buffer_;
  std::vector<SpacePlan> plans_;
  std::unique_ptr<FarPages> far_;  // with post-copy
  std::vector<std::unique_ptr<AddressSpace>> members_;  // by id; those that have gone, too
  std::vector<Family*> family_of_;                      // by id
  std::vector<std::unique_ptr<Family>> families_;
  std::map<uint32_t, std::vector<AddressRange>> unshared_;
  bool any_settled_ = false;
};

}  // namespace ferry::memory
