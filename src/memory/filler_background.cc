// SPDX-License-Identifier: Apache-2.0
//
// The filler's background fill, and the end of settling.
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "memory/filler.h"

namespace ferry::memory {
namespace {

// Before a page without a home is given up: longer than an mremap takes to tell where it has gone.
constexpr int64_t kSecondPassNs = 50'000'000;
constexpr int64_t kAgainNs = 1'000'000;  // pages have come or gone during the pass
// Pages are still at the source, and nobody has said that some have come.
constexpr int64_t kNextPassNs = 50'000'000;
// A thread that does not stop may be in an uninterruptible wait for that long.
constexpr int kCloseAttempts = 100;
constexpr base::milliseconds kCloseRetry{20};

}  // namespace

void Filler::fill_one_batch() {
  if (fill_hot()) return;
  const auto& families = roster_.families();
  const auto is_open = [&](const auto& family) { return !passes_[family.get()].complete; };
  if (std::ranges::none_of(families, is_open)) return all_is_filled();
  while (!is_open(families[current_ % families.size()])) ++current_;
  Family& family = *families[current_++ % families.size()];
  bool more = false;
  handle(family.fill(Family::Pass::kRest, batch_bytes(), more));
  if (!more) pass_ended(family);
}

// While it goes on faulting, the next fault waits for the batch that is under way.
uint64_t Filler::batch_bytes() const {
  return base::mono_ns() - last_fault_ns_ < kFaultsPauseNs ? kFaultWindowBytes : kBatchBytes;
}

// A task that is held by CRIU cannot be asked to close its copy of the userfaultfd.
void Filler::all_is_filled() {
  if (pace_ == Pace::kBackground) return settle();
  pace_ = Pace::kFaultsFirst;
}

bool Filler::fill_hot() {
  const auto& families = roster_.families();
  const auto is_hot = [&](const auto& family) { return !passes_[family.get()].hot_done; };
  const auto hot = std::ranges::find_if(families, is_hot);
  if (hot == families.end()) return false;
  bool more = false;
  handle((*hot)->fill(Family::Pass::kHot, batch_bytes(), more));
  if (!more) passes_[hot->get()].hot_done = true;
  return true;
}

void Filler::pass_ended(Family& family) {
  state_->bytes_left = file_bytes(state_->store);
  Pass& pass = passes_[&family];
  const bool had_far = std::exchange(pass.had_far, roster_.far_bytes() > 0);
  if (family.is_empty()) {
    pass.complete = true;
    state_->unplaced_bytes += family.given_up_bytes();
  } else if (state_->far >= 0 && (had_far || pass.had_far)) {
    not_before_ns_ = base::mono_ns() + kNextPassNs;  // nor is a page given up meanwhile
  } else if (family.homeless_bytes() > 0) {
    family.give_up_homeless();
    not_before_ns_ = base::mono_ns() + kSecondPassNs;
  } else {
    not_before_ns_ = base::mono_ns() + kAgainNs;
  }
}

// Children of a fork whose family has nothing left: only we hold their userfaultfd, and with its
// end what they lack is zero, as it should be.
void Filler::retire_idle_children() {
  for (const auto& [family, pass] : passes_) {
    if (!pass.complete) continue;
    for (AddressSpace* member : std::vector(family->members)) {
      if (member->forked) roster_.retire(*member, Roster::End::kSettled);
    }
  }
}

void Filler::end_registration(AddressSpace& member) {
  uint64_t events;
  do {
    events = state_->events;
    member.unregister(member.host_pid);
    // A call that was under way has an event yet to come, and waits until it is read: for ever, if
    // a copy outlives us. It may have moved memory to where we did not look.
    do {
      drain(member, base::mono_ns());
    } while (member.is_changing());
  } while (state_->events != events && member.is_alive());
}

void Filler::settle() {
  // Before the copies in the tasks are closed: one that could not be is then an idle descriptor and
  // no more.
  for (AddressSpace* member : roster_.members()) end_registration(*member);
  serve_faults();
  auto open = roster_.members();
  for (int attempt = 0; attempt < kCloseAttempts && !open.empty(); ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kCloseRetry);
    std::erase_if(open, [&](const AddressSpace* member) {
      return member->forked || hooks_.close_copies(member->pid, member->host_pid);
    });
  }
  if (!open.empty()) state_.set_trouble("a userfaultfd could not be closed in the workload");
  for (AddressSpace* member : roster_.members()) roster_.retire(*member, Roster::End::kSettled);
  finish(Outcome::kSettled);
}

void Filler::finish(Outcome outcome) {
  state_->fill_ended_ns = static_cast<uint64_t>(base::mono_ns());
  state_->cpu_ns = static_cast<uint64_t>(base::clock_ns(CLOCK_PROCESS_CPUTIME_ID));
  if (outcome == Outcome::kSettled) state_->unplaced_bytes += file_bytes(state_->store);
  // Whoever holds the store open besides us must not keep the memory with it.
  (void)!::ftruncate(state_->store, 0);
  state_->bytes_left = 0;
  if (state_->marker_path[0] != 0) ::unlink(state_->marker_path);
  state_->outcome = outcome;
  tell_news();
}

void Filler::tell_puller() {
  const uint64_t one = 1;
  (void)!::write(state_->asked, &one, sizeof one);
}

void Filler::tell_news() {
  const uint64_t one = 1;
  (void)!::write(state_->news, &one, sizeof one);
}

}  // namespace ferry::memory
