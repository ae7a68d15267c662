// SPDX-License-Identifier: Apache-2.0
#include "memory/filler.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/clock.h"
#include "base/error.h"
#include "memory/coverage.h"

namespace ferry::memory {
namespace {

using Put = AddressSpace::Put;

constexpr int kIdleMs = 500;  // between two looks whether the address spaces are still there
constexpr int kFarMs = 20;    // for pages at the source, should the word that they came be missed
constexpr int kRetryMs =
    1;  // after EAGAIN: the event comes when the workload's call has got that far
constexpr int64_t kChangingNs = 100'000;  // the same, for the background fill
constexpr int kNoMemoryMs = 20;           // after ENOMEM: until the workload's cgroup may have room
constexpr int kReadsPerLook = 16;  // of one member, so that no storm of events stops the rest
constexpr int64_t kFaultsFirstNs = 40'000'000;  // at most: what is filled has no faults any more
constexpr size_t kMostNear = 64;  // the background fill comes to all of it

void read_counter(int eventfd) {
  uint64_t count = 0;
  while (::read(eventfd, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace

Filler::Filler(const SharedState& state, const FillHooks& hooks,
               std::function<void()> guardian_died)
    : state_(state), hooks_(hooks), guardian_died_(std::move(guardian_died)), roster_(state) {
  roster_.recover();
  roster_.wake_all();
  arrivals_ = hooks_.arrivals(state_->listener, state_->arrivals);
  last_look_ns_ = last_check_ns_ = base::mono_ns();
}

void Filler::run() {
  while (state_->outcome == Outcome::kOpen) {
    look(next_wait_ms());
    serve_faults();
    obey();
    if (state_->outcome != Outcome::kOpen) return;
    fill_premapped();
    retire_idle_children();
    keep_pace();
    if (!near_.empty()) {
      fill_near();
    } else if (fills() && base::mono_ns() >= not_before_ns_) {
      fill_one_batch();
    }
    if (base::mono_ns() - last_check_ns_ > kIdleMs * 1'000'000LL) check_alive();
  }
}

int Filler::next_wait_ms() const {
  if (!near_.empty()) return 0;
  const bool prefilling =
      (state_->wanted & kWantPrefill) != 0 && state_->prefilled == Prefilled::kNo;
  if (prefilling || !std::ranges::all_of(faults_, &Fault::is_far)) return kRetryMs;
  if (can_fill_premapped()) return premapped_waits_ ? kRetryMs : 0;
  const int64_t most = faults_.empty() ? kIdleMs : kFarMs;
  if (pace_ == Pace::kFaultsFirst && running_since_ns_ != 0) return kRetryMs;
  if (!fills()) return static_cast<int>(most);
  const int64_t wait = (not_before_ns_ - base::mono_ns()) / 1'000'000;
  return static_cast<int>(std::clamp<int64_t>(wait, 0, most));
}

void Filler::look(int wait_ms) {
  const auto members = roster_.members();
  std::vector<pollfd> entries{{state_->commands, POLLIN, 0},
                              {state_->guardian_pidfd, POLLIN, 0},
                              {owner_gone_ ? -1 : state_->owner, POLLIN, 0},
                              {state_->premapped_listener, POLLIN, 0}};
  const size_t fixed = entries.size();
  for (const AddressSpace* member : members) entries.push_back({member->uffd().get(), POLLIN, 0});
  for (const int fd : arrivals_->descriptors()) entries.push_back({fd, POLLIN, 0});
  const int64_t since = last_look_ns_;
  if (wait_ms > 0) last_look_ns_ = base::mono_ns();
  if (::poll(entries.data(), entries.size(), wait_ms) < 0 && errno != EINTR) {
    throw base::SysError("poll", errno, "in the filler");
  }
  if (wait_ms == 0) last_look_ns_ = base::mono_ns();
  if (entries[0].revents != 0) {
    read_counter(state_->commands);
    not_before_ns_ = 0;  // pages may have come
  }
  if (entries[1].revents != 0) guardian_died_();
  if (entries[2].revents != 0) owner_gone_ = true;
  if (entries[3].revents != 0) take_premapping();
  for (size_t i = 0; i < members.size(); ++i) {
    if ((entries[fixed + i].revents & POLLIN) != 0)
      drain(*members[i], wait_ms > 0 ? last_look_ns_ : since);
  }
  take_arrivals();
}

void Filler::take_arrivals() {
  while (const auto arrival = arrivals_->next()) {
    roster_.add(*arrival);
    arrivals_->taken();
  }
  if (arrivals_->finished() && state_->restored == 0) {
    state_->restored = 1;
    tell_news();
  }
}

void Filler::take_premapping() {
  auto premapping = hooks_.premapping(state_->premapped_listener);
  if (!premapping || state_->premapped == kMostPremapped) return;
  if (const SpacePlan* plan = roster_.find_plan(premapping->pid)) {
    premapped_.push_back(std::make_unique<Premapped>(std::move(*premapping), *plan, roster_.backing_of(*plan), state_->bytes_total));
  }
  ++state_->premapped;
}

// A child that is yet to be made would inherit what its parent has.
bool Filler::can_fill_premapped() const {
  return !premapped_.empty() && state_->premapped == state_->tasks;
}

void Filler::fill_premapped() {
  if (!can_fill_premapped()) return;
  premapped_waits_ = true;
  std::erase_if(premapped_, [this](auto& task) {
    const uint64_t before = task->bytes_put();
    const auto step = task->fill_one_batch();
    state_->premapped_bytes += task->bytes_put() - before;
    if (step == Premapped::Step::kFilled) premapped_waits_ = false;
    return step == Premapped::Step::kOver;
  });
}

void Filler::drain(AddressSpace& member, int64_t since_ns) {
  std::vector<uint64_t> addresses;
  for (int reads = 0; reads < kReadsPerLook && roster_.read(member, addresses); ++reads) {
  }
  for (const uint64_t address : addresses) faults_.push_back({&member, address, since_ns});
  if (!addresses.empty()) last_fault_ns_ = base::mono_ns();
}

void Filler::serve_faults() {
  std::vector<Fault> waiting;
  for (const Fault& fault : std::exchange(faults_, {})) {
    if (fault.member->gone) continue;
    using What = Family::Served::What;
    const auto [step, what, end] = roster_.family_of(*fault.member).serve(*fault.member, fault.address);
    const bool elsewhere = what == What::kElsewhere;
    if (step.put == Put::kGone) {
      handle(step);
    } else if (step.put != Put::kDone || elsewhere) {
      waiting.push_back(fault);
      waiting.back().is_far = elsewhere;
    } else {
      if (what == What::kContent) want_near(*fault.member, fault.address, end);
      ++state_->faults;
      const auto took = static_cast<uint64_t>(base::mono_ns() - fault.since_ns);
      if (took > state_->worst_fault_ns) state_->worst_fault_ns = took;
    }
  }
  faults_.insert(faults_.end(), waiting.begin(), waiting.end());
  if (std::ranges::any_of(faults_, &Fault::is_far)) tell_puller();
}

// What comes after it first.
void Filler::want_near(AddressSpace& member, uint64_t address, uint64_t end) {
  const uint64_t page = address / kPageBytes * kPageBytes, start = page / kFaultWindowBytes * kFaultWindowBytes;
  if (near_.size() >= kMostNear) near_.erase(near_.begin(), near_.begin() + kMostNear / 2);
  for (const AddressRange& left : {AddressRange{start, page}, AddressRange{end, start + kFaultWindowBytes}}) {
    if (left.start < left.end) near_.push_back({&member, left});
  }
}

// A few pages of it: then faults are looked at again.
void Filler::fill_near() {
  Near& near = near_.back();
  Family::Step step;
  if (!near.member->gone) step = roster_.family_of(*near.member).serve_near(*near.member, near.left);
  if (near.member->gone || step.put != Put::kDone || near.left.start >= near.left.end) near_.pop_back();
  handle(step);
}

void Filler::obey() {
  if ((state_->wanted & kWantAbort) != 0) return finish(Outcome::kLost);
  if ((state_->wanted & kWantPrefill) != 0 && state_->prefilled == Prefilled::kNo) prefill();
}

// All that CRIU restores has been said by now, though perhaps not been heard.
void Filler::prefill() {
  take_arrivals();
  for (const auto& family : roster_.families()) {
    const auto step = family->prefill();
    if (step.put == Put::kDone) continue;
    return handle(step);  // and then all of it once more
  }
  check_coverage();
  tell_news();
}

void Filler::check_coverage() {
  for (const AddressSpace* member : roster_.members()) {
    if (member->forked || member->host_pid == 0) continue;
    auto registered = try_registered_of(member->host_pid);
    if (!registered) continue;
    roster_.set_unshared(*member, std::move(registered->unshared));
    const auto lost = find_uncovered(roster_.family_of(*member).backing(), registered->missing);
    if (!lost) continue;
    state_->uncovered_pid = static_cast<uint64_t>(member->pid);
    state_->uncovered_start = *lost;
    state_->prefilled = Prefilled::kUncovered;
    return;
  }
  if (const auto pid = roster_.stored_without_space()) {
    state_->uncovered_pid = static_cast<uint64_t>(*pid);
    state_->prefilled = Prefilled::kUncovered;
    return;
  }
  state_->prefilled = Prefilled::kDone;
}

void Filler::check_alive() {
  last_check_ns_ = base::mono_ns();
  state_->bytes_left = file_bytes(state_->store);
  state_->far_left = roster_.far_bytes();
  for (AddressSpace* member : roster_.members()) {
    if (!member->is_alive()) roster_.retire(*member, Roster::End::kVanished);
  }
  if (!roster_.members().empty()) return;
  const bool had_some = !roster_.families().empty();
  if (roster_.any_settled()) return finish(Outcome::kSettled);
  if (owner_gone_ || (had_some && arrivals_->finished())) finish(Outcome::kLost);
}

void Filler::keep_pace() {
  if (pace_ == Pace::kBackground || !may_fill()) return;
  const int64_t now = base::mono_ns();
  if (running_since_ns_ == 0) {
    running_since_ns_ = now;
    state_->left_at_resume = file_bytes(state_->store) + roster_.far_bytes();
  }
  pace_ = Pace::kFaultsFirst;
  const bool is_quiet = now - std::max(last_fault_ns_, running_since_ns_) > kFaultsPauseNs;
  if (!is_quiet && now - running_since_ns_ < kFaultsFirstNs) return;
  pace_ = Pace::kBackground;
  if (state_->fill_began_ns == 0) state_->fill_began_ns = static_cast<uint64_t>(now);
}

bool Filler::fills() const {
  return pace_ == Pace::kBackground ||
         (pace_ == Pace::kAhead && state_->prefilled == Prefilled::kDone);
}

// A workload that is restored is filled, though nobody may be left to say so.
bool Filler::may_fill() const {
  return (state_->wanted & kWantFill) != 0 || (owner_gone_ && state_->restored != 0);
}

void Filler::handle(const Family::Step& step) {
  switch (step.put) {
    case Put::kDone:
      return;
    case Put::kGone:
      return roster_.retire(*step.member, Roster::End::kVanished);
    case Put::kNoMemory:
      state_.set_trouble("the workload's memory cgroup is full");
      not_before_ns_ = base::mono_ns() + kNoMemoryMs * 1'000'000LL;
      return;
    case Put::kChanging:
      drain(*step.member, base::mono_ns());
      not_before_ns_ = base::mono_ns() + kChangingNs;
      return;
  }
}

}  // namespace ferry::memory
