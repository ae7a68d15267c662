// SPDX-License-Identifier: Apache-2.0
//
// What is sent while the workload runs: its files, and its memory, round after round, until policy says to freeze. After a freeze that
// was taken back (source_again.cc) the rounds go on here.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/fault.h"
#include "base/units.h"
#include "migration/source_move.h"
#include "migration/state_cost.h"

namespace ferry::migration {

namespace {

constexpr base::milliseconds kStandStill{1'000};
constexpr uint64_t kWorthSaying = 32 << 20;  // some tens of milliseconds
constexpr uint64_t kFewShared = 2 << 20;     // one millisecond

}  // namespace

// Some tasks (direct I/O) can only be looked at while they stand still, for a millisecond. A bare tree has no cgroup of its own for
// that: such memory of it goes within the pause.
memory::WorkloadTracker::StandStill SourceMove::stand_still() {
  if (!subject_.workload.has_own_cgroup()) return {};
  return [this]() -> std::shared_ptr<void> {
    freezer_->freeze(kStandStill);
    return {nullptr, [this](void*) { freezer_->thaw(); }};
  };
}

// Everything that can be sent while the workload runs. CRIU is made ready: its start and its probes of the kernel are no part of the
// pause.
void SourceMove::copy() {
  clock_.start("copy");
  freezer_ = Frozen::freezer_of(subject_.workload);
  send_workload_files();
  if (root_files_) send_engine_files();
  if (rounds_) {
    memory_->scan();
    send_round();
    send_shared_memory();
    send_image_pages();
  }
  if (subject_.memory.by_ferry) smaps_.probe();
  start_criu();
  copy_memory();
}

void SourceMove::copy_memory() {
  if (rounds_) {
    post_copy_ ? copy_some_memory() : copy_rounds();
  } else if (subject_.memory.by_ferry) {
    smaps_.read_if_changed(memory_->pids());
  }
  bool has_waited = start_engine_there();
  has_waited |= catch_up_files();
  has_waited |= catch_up_shared_memory();
  send_image_pages();
  if (has_waited && rounds_) {  // what was written meanwhile is no part of the pause
    look_for_written();
    send_round();
  }
  common_files_.write_back();  // for the most part
  talk_->throw_if_cancelled();
  FAULT_POINT("source.before_freeze");
  walk_->step(SourceEvent::kCopied);
}

// Round after round, until policy says that the rest fits the pause or that more rounds are of no use.
void SourceMove::copy_rounds() {
  FreezePolicy policy(options_.pause, options_.throttle);
  for (;;) {
    look_for_written();
    const auto decision = policy.next(outlook());
    report_.expected_pause_ms = decision.expected_pause_ms;
    report_.freeze_reason = decision.why;
    if (decision.step == FreezeDecision::Step::kFreeze) return tell_what_waits();
    if (decision.step == FreezeDecision::Step::kCancel) {
      throw base::Error({fmt::format("did not freeze {}", report_.name), decision.why,
                         "allow a longer pause (--pause-max), move it when it writes less, or over a faster link", {}, {}});
    }
    slow_down(decision.throttle);
    send_round();
  }
}

void SourceMove::tell_what_waits() {
  if (shared_copy_ && shared_copy_->found().untracked > kWorthSaying) {
    const auto& found = shared_copy_->found();
    observer_.notice(fmt::format("{} of its memory are shared by tasks: sent, but read once more within the pause; {}",
                                 base::format_bytes(found.untracked), found.why_untracked));
  }
  const auto untracked = memory_->untracked();
  if (untracked.why.empty()) return;
  observer_.notice(fmt::format("{} of its memory go within the pause; {}", base::format_bytes(untracked.bytes), untracked.why));
}

// Those who are stopped by turns cannot be attached to.
void SourceMove::look_for_written() {
  const auto running = throttle_ ? throttle_->hold_off() : std::unique_lock<std::mutex>();
  smaps_.read_if_changed(memory_->pids());
  memory_->scan();
}

void SourceMove::slow_down(int percent) {
  auto& told = report_.throttle;
  if (percent == 0 || (throttle_ && percent == told.percent)) return;
  if (!throttle_) {
    if (!subject_.workload.has_own_cgroup()) process::gather(subject_.workload.root.pid, *freezer_);
    throttle_.emplace(*freezer_);
    slowed_since_ = base::mono_now();
  }
  throttle_->set(percent);
  told.percent = percent;
  observer_.notice(fmt::format("{} writes faster than the copy runs: it is stopped for {} % of the time", report_.name, percent));
}

// Whatever comes next: frozen whole, or left alone.
void SourceMove::end_throttle() {
  if (!throttle_) return;
  report_.throttle.stopped_ms += throttle_->stopped_ms();
  report_.throttle.ms += base::ms_between(slowed_since_, base::mono_now());
  throttle_.reset();
}

// What is written after the rounds is fetched once it runs there, so more of them only shorten that.
void SourceMove::copy_some_memory() {
  for (int round = 1; round < options_.rounds; ++round) {
    look_for_written();
    send_round();
  }
  smaps_.read_if_changed(memory_->pids());
  report_.freeze_reason = "what was written since is fetched once it runs there";
}

Outlook SourceMove::outlook() const {
  const auto shared = shared_copy_ ? shared_copy_->found() : SharedCopy::Found{};
  const auto cost = expected_state_cost(subject_.state_size());
  uint64_t left = memory_->found_bytes() + memory_->untracked().bytes;
  if (!shared_copy_) left += subject_.memory.images;
  return {.dirty_bytes = left,
          .since_ms = memory_->since_last_scan_ms(),
          .bytes_per_ms = memory_->bytes_per_ms(),
          .dump_ms = cost.dump_ms,
          .rest_ms = cost.rest_ms,
          .shared_bytes = shared.untracked + shared.written};
}

// False: there is none.
bool SourceMove::send_shared_memory() {
  if (!shared_copy_) return false;
  shared_copy_->send_new([this] {
    talk_->throw_if_cancelled();
    talk_->throw_if_target_failed();
  });
  report_.shared_bytes = shared_copy_->found().bytes;
  return report_.shared_bytes > 0;
}

void SourceMove::send_image_pages() {
  if (!rounds_) return;
  memory_->read_pages_for_criu([this](std::span<const std::byte> pages) {
    talk_->throw_if_cancelled();
    talk_->throw_if_target_failed();
    image_sender_->send_ahead(pages);
  });
}

// Until few of it are written meanwhile, or no fewer: those are read in the pause. What is not tracked is read whole each time.
bool SourceMove::catch_up_shared_memory() {
  for (uint64_t before = 0;;) {
    if (!send_shared_memory()) return false;
    const auto& found = shared_copy_->found();
    const bool shrinks = before == 0 || found.written < before / 2;
    if (!shrinks || found.written <= kFewShared || found.written <= found.untracked) return true;
    before = found.written;
  }
}

// What the last scan has found.
void SourceMove::send_round() {
  Round round;
  round.number = static_cast<int>(report_.rounds.size()) + 1;
  round.start_ms = clock_.elapsed_ms();
  round.dirty_bytes = memory_->found_bytes();
  round.expected_pause_ms = report_.expected_pause_ms;
  round.throttle_percent = throttle_ ? report_.throttle.percent : 0;
  if (round.number > 1) round.dirty_bytes_per_s = static_cast<double>(round.dirty_bytes) / memory_->since_last_scan_ms() * 1000;
  const uint64_t sent_before = memory_->bytes_sent();
  memory_->send([&] {
    observer_.bytes(memory_->bytes_sent() - sent_before, round.dirty_bytes);
    talk_->throw_if_cancelled();
    talk_->throw_if_target_failed();
  });
  FAULT_POINT("source.round");
  round.ms = clock_.elapsed_ms() - round.start_ms;
  round.sent_bytes = memory_->bytes_sent() - sent_before;
  round.copied_bytes_per_s = static_cast<double>(round.dirty_bytes) / round.ms * 1000;
  report_.rounds.push_back(round);
  observer_.round(round);
}

void SourceMove::start_criu() {
  dump_.emplace(subject_.workload, subject_.state, *images_, report_.job, *freezer_, subject_.memory.by_ferry);
  origins_ = Frozen::origins_of(subject_.workload);
  walk_->journal().note(kNoteCriu, to_note(dump_->criu()));
  walk_->journal().note(kNoteOrigins, origins_note(origins_));
  const bool first = report_.taken_back == 0 && walk_->state() == Source::kCopying;
  if (subject_.workload.container && first) send_engine_notes();
}

// What was sent before and still holds by its hash is not sent again.
void SourceMove::send_workload_files() {
  for (const auto& path : subject_.files) {
    try {
      send_workload_file(path);
    } catch (const base::SysError& gone) {
      if (gone.number() != ENOENT) throw;  // renamed since it was seen, as editors do with a new version: then it is not of the list at the freeze
    }
  }
}

void SourceMove::send_workload_file(const std::string& path) {
  wire::FileStart start;
  start.set_kind(wire::FileStart::CARRIED);
  start.set_path(path);
  // As its tasks see it: they may have another root.
  const std::string here = fmt::format("/proc/{}/root{}", subject_.workload.root.pid, path);
  const auto before = sent_files_.find(path);
  if (before != sent_files_.end() && before->second.size > 0 && files::hash_prefix(here, before->second.size) == before->second.hash) {
    start.set_kept_prefix(before->second.size);
  }
  const bool whole = start.kept_prefix() == 0;
  const auto sent = send_file(*talk_, here, std::move(start), [this](uint64_t) { talk_->throw_if_target_failed(); });
  if (whole) sent_files_[path] = sent;
}

}  // namespace ferry::migration
