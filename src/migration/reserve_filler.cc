// SPDX-License-Identifier: Apache-2.0
#include "migration/reserve_filler.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "kernel/slice.h"
#include "memory/page_runs.h"
#include "memory/premapped_areas.h"

namespace ferry::migration {

using memory::AddressRange;
using memory::Backing;
using memory::ReserveTable;

namespace {

// The fork copies a page table entry for each page, within the pause.
constexpr uint64_t kMostPrepared = 128 << 20;
constexpr std::chrono::microseconds kLook{200};

}  // namespace

ReserveFiller::ReserveFiller(criu::Reserve& reserve, memory::Store& store, int32_t pid, std::vector<ReservedArea> areas,
                             std::function<bool()> all_has_come)
    : reserve_(reserve), store_(store), pid_(pid), all_has_come_(std::move(all_has_come)), wanted_(std::move(areas)), buffer_(memory::kLookBytes), left_(kMostPrepared) {
  thread_ = std::thread([this] {
    try {
      run();
    } catch (const std::exception& failure) {
      base::log("the reserve: {}", failure.what());  // what is not there is put in place later
    }
  });
}

void ReserveFiller::stop() {
  stops_ = true;
  if (thread_.joinable()) thread_.join();
}

void ReserveFiller::lay_out() {
  const uint64_t largest = memory::kReservation * store_.bytes_held();
  uint64_t used[memory::kReserveKinds] = {};
  for (const auto& [range, kind] : wanted_) {
    if (range.bytes() > largest || areas_.size() == ReserveTable::kMost || range.bytes() > memory::kReserveBytes - used[kind]) continue;
    areas_.push_back({range, reserve_.table().at[kind] + used[kind], {}});
    used[kind] += range.bytes();
  }
}

void ReserveFiller::run() {
  kernel::give_way_at_once();
  while (!all_has_come_()) {
    if (stops_) return;
    std::this_thread::sleep_for(kLook);
  }
  lay_out();
  const auto plans = store_.plans();
  const auto plan = std::ranges::find(plans, pid_, &memory::SpacePlan::pid);
  if (plan == plans.end()) return;
  space_.emplace(store_.fd(), plan->slot);
  for (const AddressRange& hot : plan->hot) put(hot);
  put({0, memory::kSpaceEnd});
}

void ReserveFiller::put(AddressRange wanted) {
  const auto ends_before = [](const Placed& area, uint64_t start) { return area.range.end <= start; };
  for (auto area = std::lower_bound(areas_.begin(), areas_.end(), wanted.start, ends_before);
       area != areas_.end() && area->range.start < wanted.end; ++area) {
    const uint64_t end = std::min(wanted.end, area->range.end);
    for (uint64_t at = std::max(wanted.start, area->range.start); at < end;) {
      if (stops_ || left_ == 0) return;
      const auto piece = space_->look({at, end});
      if (piece.kind == Backing::Kind::kData && !put_pages(*area, piece.range)) return;
      at = piece.range.end;
    }
  }
}

// False: no page can be put there.
bool ReserveFiller::put_pages(Placed& area, AddressRange positions) {
  const auto pages = std::span(buffer_).first(positions.bytes());
  space_->read(positions.start, pages);
  if (area.done.empty()) area.done.resize(memory::page_of(area.range.bytes()));
  return memory::for_each_data_run(std::span<const std::byte>(pages), true, [&](size_t offset, size_t bytes) {
    const uint64_t start = positions.start + offset;
    return put_run(area, {start, start + bytes}, pages.data() + offset);
  });
}

// What was written in several rounds comes several times.
bool ReserveFiller::put_run(Placed& area, AddressRange run, const std::byte* pages) {
  const auto is_done = [&](uint64_t at) { return area.done[memory::page_of(at - area.range.start)]; };
  for (uint64_t at = run.start; at < run.end;) {
    uint64_t end = at + memory::kPageBytes;
    while (end < run.end && is_done(end) == is_done(at)) end += memory::kPageBytes;
    if (!is_done(at)) {
      const uint64_t there = area.at + (at - area.range.start);
      const auto moved = reserve_.uffd().try_copy({there, there + (end - at)}, pages + (at - run.start));
      if (moved.bytes != end - at) return false;
      const auto first = area.done.begin() + static_cast<ptrdiff_t>(memory::page_of(at - area.range.start));
      std::fill_n(first, memory::page_of(end - at), true);
      left_ -= std::min(left_, end - at);
    }
    at = end;
  }
  return true;
}

void ReserveFiller::publish() {
  stop();
  ReserveTable& table = reserve_.table();
  uint32_t count = 0;
  memory::PageSet prepared;
  for (const Placed& area : areas_) {
    if (area.done.empty()) continue;
    table.extents[count++] = {area.range.start, area.range.bytes(), area.at};
    for (size_t page = 0; page < area.done.size(); ++page) {
      const uint64_t at = area.range.start + page * memory::kPageBytes;
      if (area.done[page]) prepared.insert({at, at + memory::kPageBytes});
    }
  }
  if (count == 0) return;
  store_.set_prepared(pid_, prepared.ranges());
  table.pid = pid_;
  table.count.store(count, std::memory_order_release);
}

}  // namespace ferry::migration
