// SPDX-License-Identifier: Apache-2.0
#include "memory/roster.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "memory/coverage.h"
#include "memory/vma.h"

namespace ferry::memory {
namespace {

// Of a process whose memory was not sent: all of it is zero.
class EmptyBacking : public Backing {
 public:
  Piece look(AddressRange range) const override { return {range, Kind::kAbsent}; }
  void read(uint64_t, std::span<std::byte>) const override { CHECK(!"there is nothing to read"); }
  void drop(AddressRange) override {}
  bool request(AddressRange, Urgency) override { return false; }
};

// In a log entry: an UNMAP that came too late.
constexpr uint8_t kOvertaken = 0xff;

// The kernel tells of an munmap after it has let go of the address space. Another thread can have
// moved memory to where the hole was, and be told of first (mm/mmap.c, mremap.c: events are queued
// after mmap_write_unlock). Taken at its word, the late event would take the place of pages that
// are not its own. Then there is memory where it says that there is none.
bool is_overtaken(const AddressSpace& member, const uffd_msg& message) {
  if (message.event != UFFD_EVENT_UNMAP) return false;
  const AddressRange hole{message.arg.remove.start, message.arg.remove.end};
  const PageSet moved_in = member.moved_in.within(hole);
  if (moved_in.empty() || member.host_pid <= 0) return false;
  const auto vmas = try_read_maps(member.host_pid);
  const auto is_back = [&](const Vma& vma) { return moved_in.intersects(vma.range); };
  return vmas && std::ranges::any_of(*vmas, is_back);
}

}  // namespace

Roster::Roster(const SharedState& state)
    : state_(state), buffer_(kBatchBytes), plans_(read_plans(state->plan)) {
  if (state->far >= 0) far_ = std::make_unique<FarPages>(state->far);
}

std::unique_ptr<Backing> Roster::backing_of(const SpacePlan& plan) const {
  if (far_) return std::make_unique<FarSpace>(state_->store, plan.slot, *far_);
  return std::make_unique<StoredSpace>(state_->store, plan.slot);
}

const SpacePlan* Roster::find_plan(int32_t pid) const {
  const auto known = std::ranges::find(plans_, pid, &SpacePlan::pid);
  return known != plans_.end() ? &*known : nullptr;
}

AddressSpace& Roster::make_member(int uffd, Family& family) {
  const auto id = static_cast<uint32_t>(members_.size());
  members_.push_back(std::make_unique<AddressSpace>(id, base::Fd(uffd)));
  family_of_.push_back(&family);
  family.members.push_back(members_.back().get());
  return *members_.back();
}

void Roster::make_family(const LogEntry& arrived) {
  SpacePlan plan{arrived.pid, 0, {}, {}, {}};
  std::unique_ptr<Backing> backing;
  if (const SpacePlan* known = find_plan(arrived.pid)) {
    plan = *known;
    backing = backing_of(plan);
  } else {
    backing = std::make_unique<EmptyBacking>();  // it had no memory that was sent
  }
  families_.push_back(std::make_unique<Family>(std::move(backing), std::move(plan), buffer_));
  AddressSpace& member = make_member(arrived.uffd, *families_.back());
  member.pid = arrived.pid;
  member.host_pid = arrived.host_pid;
}

void Roster::add(const Arrival& arrival) {
  // The filler before us may have been killed between this and taken().
  for (const auto& member : members_) {
    if (!member->gone && member->uffd().get() == arrival.uffd) return;
  }
  // CRIU's are, and read() relies on it.
  const int flags = ::fcntl(arrival.uffd, F_GETFL);
  ::fcntl(arrival.uffd, F_SETFL, flags | O_NONBLOCK);
  LogEntry& entry = state_.log_tail();
  entry.pid = arrival.pid;
  entry.host_pid = arrival.host_pid;
  entry.uffd = arrival.uffd;
  entry.kind = LogEntry::Kind::kArrived;
  state_.keep_tail();
  make_family(entry);
}

bool Roster::read(AddressSpace& member, std::vector<uint64_t>& faults) {
  LogEntry& entry = state_.log_tail();
  // Touched before the kernel writes to it: a page that is not there yet could not be given when we
  // are being killed.
  std::memset(entry.messages, 0, sizeof entry.messages);
  entry.member = member.id();
  entry.kind = LogEntry::Kind::kRead;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const size_t count = member.uffd().read_events(entry.messages);
  bool keep = false;
  for (uffd_msg& message : std::span(entry.messages).first(count)) {
    if (message.event == UFFD_EVENT_PAGEFAULT) {
      faults.push_back(message.arg.pagefault.address);
      continue;
    }
    ++state_->events;
    // A new filler must come to the same judgement, when the memory may look otherwise.
    if (is_overtaken(member, message)) message.event = kOvertaken;
    keep |= apply(member, message);
  }
  if (keep) {
    state_.keep_tail();
  } else {
    entry.kind = LogEntry::Kind::kNothing;
  }
  return count > 0;
}

// False: it has changed nothing, and need not be remembered.
bool Roster::apply(AddressSpace& member, const uffd_msg& message) {
  Family& family = family_of(member);
  const auto& arg = message.arg;
  switch (message.event) {
    case UFFD_EVENT_UNMAP:
      member.moved_in.erase({arg.remove.start, arg.remove.end});
      return family.remove(member, {arg.remove.start, arg.remove.end});
    case UFFD_EVENT_REMOVE:
      return family.remove(member, {arg.remove.start, arg.remove.end});
    case UFFD_EVENT_REMAP:
      member.moved_in.erase({arg.remap.from, arg.remap.from + arg.remap.len});
      member.moved_in.insert({arg.remap.to, arg.remap.to + arg.remap.len});
      return family.move(member, arg.remap.from, arg.remap.to, arg.remap.len);
    case UFFD_EVENT_FORK:
      apply_fork(member, static_cast<int>(arg.fork.ufd));
      return true;
    default:
      return false;
  }
}

void Roster::apply_fork(AddressSpace& parent, int uffd) {
  ++state_->forks;
  AddressSpace& child = make_member(uffd, family_of(parent));
  child.placement = parent.placement;
  child.moved_in = parent.moved_in;
  child.forked = true;
  for (const AddressRange& range : unshared_[parent.id()]) child.placement.remove(range);
  unshared_[child.id()] = unshared_[parent.id()];
}

void Roster::retire(AddressSpace& member, End end) {
  // The log first: a number that is closed can come again.
  LogEntry& entry = state_.log_tail();
  entry.member = member.id();
  entry.pid = end == End::kSettled ? 1 : 0;
  entry.kind = LogEntry::Kind::kGone;
  state_.keep_tail();
  member.close();
  remove(member, end);
}

void Roster::remove(AddressSpace& member, End end) {
  any_settled_ |= end == End::kSettled;
  member.gone = true;
  Family& family = family_of(member);
  std::erase(family.members, &member);
  if (family.members.empty()) family.backing().drop({0, kSpaceEnd});
}

void Roster::replay(const LogEntry& entry) {
  switch (entry.kind) {
    case LogEntry::Kind::kNothing:
      return;
    case LogEntry::Kind::kArrived: {
      make_family(entry);
      if (state_->prefilled == Prefilled::kNo) return;
      if (auto known = try_registered_of(entry.host_pid)) {
        set_unshared(*members_.back(), std::move(known->unshared));
      }
      return;
    }
    case LogEntry::Kind::kGone:
      members_.at(entry.member)->forget();
      return remove(*members_.at(entry.member), entry.pid == 1 ? End::kSettled : End::kVanished);
    case LogEntry::Kind::kRead:
      for (const uffd_msg& message : entry.messages) {
        if (message.event != 0) apply(*members_.at(entry.member), message);
      }
  }
}

void Roster::recover() {
  for (const LogEntry& entry : state_.log()) replay(entry);
  // What was read, but perhaps not acted upon. Other kinds stand in the log when they are kept, and
  // not before.
  LogEntry& tail = state_.log_tail();
  if (tail.kind == LogEntry::Kind::kRead) {
    replay(tail);
    state_.keep_tail();
  }
}

void Roster::wake_all() const {
  for (const AddressSpace* member : members()) member->wake_all();
}

void Roster::set_unshared(const AddressSpace& member, std::vector<AddressRange> ranges) {
  unshared_[member.id()] = std::move(ranges);
}

std::optional<int32_t> Roster::stored_without_space() const {
  for (const SpacePlan& plan : plans_) {
    const auto is_its = [&](const auto& member) {
      return !member->forked && member->pid == plan.pid;
    };
    if (std::ranges::any_of(members_, is_its)) continue;
    const auto piece = backing_of(plan)->look({0, kSpaceEnd});
    if (piece.kind != Backing::Kind::kAbsent || piece.range.end < kSpaceEnd) return plan.pid;
  }
  return std::nullopt;
}

std::vector<AddressSpace*> Roster::members() const {
  std::vector<AddressSpace*> present;
  for (const auto& member : members_) {
    if (!member->gone) present.push_back(member.get());
  }
  return present;
}

}  // namespace ferry::memory
