// SPDX-License-Identifier: Apache-2.0
#include "memory/workload_tracker.h"

#include <algorithm>

#include "kernel/procfs.h"
#include "memory/spaces.h"

namespace ferry::memory {

uint64_t WorkloadRound::written_pages() const {
  uint64_t pages = 0;
  for (const SpaceRound& space : spaces) pages += space.scan.written.pages();
  return pages;
}

// Afterwards `spaces_` holds exactly the address spaces that there are, each under one process that has it.
void WorkloadTracker::sort_out(const std::vector<pid_t>& pids, WorkloadRound& round) {
  Spaces now;
  for (const std::vector<pid_t>& group : group_by_space(pids)) {
    // Whose name it had, if that process still has it; else it is taken for a new one.
    const auto named = std::ranges::find_if(group, [&](pid_t pid) {
      const auto known = spaces_.find(pid);
      return known != spaces_.end() && (!known->second.tracker || known->second.tracker->tracks(pid));
    });
    const pid_t pid = named != group.end() ? *named : group.front();
    const auto inner_pid = kernel::inner_pid(pid);
    if (!inner_pid) continue;
    Space space = named != group.end() ? std::move(spaces_[pid]) : Space{};
    if (!space.tracker) space.plane = {};  // may be another program since: nobody watched
    space.inner_pid = *inner_pid;
    space.shared.clear();
    std::ranges::copy_if(group, std::back_inserter(space.shared), [&](pid_t other) { return other != pid; });
    now.emplace(pid, std::move(space));
  }
  std::swap(spaces_, now);
  for (const auto& [pid, space] : now) {
    const bool still_named = std::ranges::any_of(
        spaces_, [&](const auto& entry) { return entry.second.inner_pid == space.inner_pid; });
    if (space.told && !still_named) round.ended.push_back(space.inner_pid);
  }
  // `now`, the old ones, ends here: what is attached to an address space is gone before it is attached to again.
}

void WorkloadTracker::check_direct_io(pid_t pid, Space& space) {
  DirectIo io = direct_io_of(pid);
  if (space.plane.has_aio_ring) io.untrackable = "it uses asynchronous I/O (libaio)";
  const bool stands_still = io.needs_frozen_scan || support_.backend == Backend::kSoftDirty;
  if (stands_still && !stand_still_) io.untrackable = "it has files open with O_DIRECT";
  // What arrived before we knew may have been missed: from the start again.
  if (!io.untrackable.empty() || (stands_still && !space.stands_still)) {
    space.tracker.reset();
    space.told = false;
  }
  if (io.untrackable.empty() && !space.tracker) space.why_untracked.clear();
  if (!io.untrackable.empty()) space.why_untracked = io.untrackable;
  space.stands_still = stands_still;
}

bool WorkloadTracker::look_at_plane(pid_t pid, Space& space) {
  const bool anew = space.distrusted || space.plane.vmas.empty();
  auto plane = anew ? try_plane_of(pid) : try_refresh(pid, space.plane);
  if (!plane) return false;
  space.distrusted = false;
  space.plane = std::move(*plane);
  return true;
}

void WorkloadTracker::attach_to(pid_t pid, Space& space, WorkloadRound& round) {
  if (space.tracker || !space.why_untracked.empty()) return;
  // Any process that has the address space will do: a parent in vfork cannot be stopped, its child can.
  std::vector<pid_t> candidates{pid};
  candidates.insert(candidates.end(), space.shared.begin(), space.shared.end());
  for (const pid_t candidate : candidates) {
    Attached attached = attach(candidate, support_);
    round.longest_stop_ms = std::max(round.longest_stop_ms, attached.stopped_ms);
    space.tracker = std::move(attached.tracker);
    space.told = false;
    space.why_untracked = attached.why;
    if (space.tracker) return;
  }
}

SpaceRound WorkloadTracker::describe(pid_t pid, const Space& space) const {
  SpaceRound round;
  round.pid = pid;
  round.inner_pid = space.inner_pid;
  round.shared = space.shared;
  round.fresh = !space.told;
  round.tracked = space.tracker != nullptr;
  round.why_untracked = space.why_untracked;
  round.plane = space.plane;
  return round;
}

WorkloadRound WorkloadTracker::round(const std::vector<pid_t>& pids) {
  WorkloadRound round;
  sort_out(pids, round);
  bool stand_still = false;
  for (auto& [pid, space] : spaces_) {
    check_direct_io(pid, space);
    attach_to(pid, space, round);
    stand_still |= space.tracker && space.stands_still;
  }
  const std::shared_ptr<void> still = stand_still ? stand_still_() : nullptr;
  for (auto entry = spaces_.begin(); entry != spaces_.end();) {
    auto& [pid, space] = *entry;
    bool there = look_at_plane(pid, space);
    std::optional<Scan> scan;
    if (there && space.tracker) {
      scan = space.tracker->try_scan(space.plane);
      there = scan.has_value();
    }
    if (!there) {  // ended, or another program, since its processes were sorted out: the next round knows
      if (space.told) round.ended.push_back(space.inner_pid);
      entry = spaces_.erase(entry);
      continue;
    }
    round.spaces.push_back(describe(pid, space));
    if (scan) static_cast<Scan&>(round.spaces.back().scan) = std::move(*scan);
    space.told |= scan.has_value();
    // Why it did not work this time need not hold the next time.
    if (!space.tracker) space.why_untracked.clear();
    ++entry;
  }
  return round;
}

void WorkloadTracker::distrust_flags() {
  for (auto& [pid, space] : spaces_) space.distrusted = true;
}

Tracker* WorkloadTracker::tracker_of(pid_t pid) const {
  const auto found = std::ranges::find_if(spaces_, [&](const auto& entry) {
    return entry.first == pid || std::ranges::find(entry.second.shared, pid) != entry.second.shared.end();
  });
  return found != spaces_.end() && !found->second.stands_still ? found->second.tracker.get() : nullptr;
}

WorkloadRound WorkloadTracker::last_round(const std::vector<pid_t>& pids) {
  WorkloadRound round;
  sort_out(pids, round);
  for (auto& [pid, space] : spaces_) {
    if (!look_at_plane(pid, space)) continue;
    check_direct_io(pid, space);
    auto scan = space.tracker ? space.tracker->try_scan_frozen(space.plane) : std::nullopt;
    if (!scan) {
      space.tracker.reset();
      space.told = false;
      scan = scan_untracked(pid, space.plane, support_);
    }
    if (!scan) continue;
    round.spaces.push_back(describe(pid, space));
    round.spaces.back().scan = std::move(*scan);
  }
  return round;
}

}  // namespace ferry::memory
