// SPDX-License-Identifier: Apache-2.0
//
// What CRIU and ferry believe of the memory's flags while they dump, and what happens when it was not so. Which memory is ferry's
// and which is CRIU's follows from flags that /proc/PID/maps does not show, and the file that does, smaps, takes as long to read as the
// memory is large. Where the kernel does not tell them by themselves (kernel/vma_flags.h) they are read while the workload runs,
// trusted in the pause, and compared before the commit. A difference means that the dump is of no use: the workload goes on, and is frozen once more.
#include <fmt/format.h>

#include <algorithm>

#include "base/fault.h"
#include "migration/source_move.h"

namespace ferry::migration {

namespace {

// The last of them trusts no flags from before: it costs 15 ms per GiB, and cannot fail for that reason.
constexpr int kMostFreezes = 3;
// Above that the reserve costs more than it saves: what is put there is copied beside the dump, and forked in the pause
// (docs/settling.md has the measurements).
constexpr uint64_t kMostForReserve = 48 << 20;
constexpr const char* kWhy = "it changed the flags of some memory (mlock, madvise) just before it was frozen";

}  // namespace

void SourceMove::hide_memory() {
  const auto trust = report_.taken_back + 1 < kMostFreezes ? trust_ : EarlySmaps::Trust::kNo;
  if (trust == EarlySmaps::Trust::kNo) memory_->distrust_flags();
  auto hidden = look_at_frozen(trust);
  const auto agrees = [](const auto& one) { return criu::agrees_with_smaps(one.second); };
  if (!std::ranges::all_of(hidden, agrees)) {
    // They were read at two moments, and between them they have changed.
    memory_->distrust_flags();
    hidden = look_at_frozen(EarlySmaps::Trust::kNo);
  }
  std::vector<criu::hidden::File> shared;
  if (shared_copy_) shared = shared_copy_->look_for_the_last_time();  // while CRIU dumps
  criu::write_hidden_memory(dump_->hidden_file(), hidden, shared);
  tell_of_frozen_memory(hidden);
}

// The target has nothing else to do while this host dumps. A container's memory would be charged to the wrong cgroup there.
void SourceMove::tell_of_frozen_memory(const std::map<pid_t, criu::HiddenTask>& hidden) {
  if (post_copy_ || subject_.workload.container || hidden.size() != 1 || subject_.memory.whole > kMostForReserve) return;
  const auto told = memory_->describe_frozen(hidden.begin()->second.smaps);
  if (!told) return;
  wire::ToTarget message;
  *message.mutable_frozen_memory() = *told;
  talk_->send(message);
}

std::map<pid_t, criu::HiddenTask> SourceMove::look_at_frozen(EarlySmaps::Trust trust) {
  memory_->scan_frozen(post_copy_);
  const auto criu_is = subject_.workload.container ? MemoryCopy::CriuIs::kOutside : MemoryCopy::CriuIs::kInside;
  return memory_->hidden(criu_is, [&](pid_t pid) { return smaps_.text_of(pid, trust); });
}

// From here it is in the state "copying" again, and so is the target, which keeps the pages and files that it has and gives back the
// packets that wait there.
void SourceMove::take_back() {
  clock_.start("take back");
  ++report_.taken_back;
  observer_.notice(fmt::format("{}: it goes on, and will be frozen once more", kWhy));
  let_it_go_on();
  walk_->step(SourceEvent::kTakenBack);
  wire::ToTarget notice;
  notice.mutable_freeze_taken_back();
  talk_->send(notice);
  FAULT_POINT("source.taken_back");
  smaps_.forget();
  memory_->distrust_flags();
  clock_.start("copy");
  copy_memory();
}

// Known only when the target has restored it all: the check takes longer than that, where there is much memory.
void SourceMove::require_same_flags() {
  if (smaps_.holds()) return;
  report_.flags_changed = true;
  throw base::Error({fmt::format("did not move {}", report_.name), kWhy, "try again", {}, {}});
}

// Once, since it trusts nothing that is read before the freeze.
Report run_source_again(const MoveOptions& options, const Observer& observer, const Report& before) {
  observer.notice(fmt::format("{}: once more from the start", before.error.why));
  Report report;
  report.taken_back = before.taken_back + 1;
  SourceMove(options, observer, report, EarlySmaps::Trust::kNo).run();
  report.total_ms += before.total_ms;
  report.bytes_sent += before.bytes_sent;
  return report;
}

}  // namespace ferry::migration
