// SPDX-License-Identifier: Apache-2.0
//
// An arrival that cannot go on. Before the point of no return nothing of it stays; after it, the mark that CRIU has left decides.
#include <signal.h>

#include <cstdio>

#include "base/log.h"
#include "handover/attachment.h"
#include "migration/arrival.h"
#include "migration/host.h"
#include "migration/target_move.h"

namespace ferry::migration {

namespace {

constexpr base::milliseconds kSourceReadsWhy{20'000};  // what it is told, before it closes the link

}  // namespace

// Past the point of no return an abort comes too late, and changes nothing.
void TargetMove::abort() {
  if (walk_ && walk_->state() >= Target::kResuming) return;
  tear_down();
  if (walk_) walk_->step(TargetEvent::kAbortAsked);
  finished_ = true;
  tell_failure(Cancelled(), true);
}

void TargetMove::end(TargetEvent event, const std::exception& failure) {
  if (walk_ && walk_->state() == Target::kRunning) return;  // the link no longer matters
  // Reaches the source through SSH, should the link be broken. Not fmt::print: it throws when nobody listens any more.
  std::fprintf(stderr, "ferry: %s\n", failure.what());
  try {
    bool dead = true;
    if (restore_ && restore_->may_have_run()) {
      if (has_run_all_the_same()) return;
      dead = verdict_ == wire::Outcome::NEVER_RAN;
    }
    if (dead) {
      tear_down();
      if (walk_) walk_->step(walk_->state() == Target::kResuming ? TargetEvent::kFailed : event);
    } else {
      incoming_->keep();  // neither killed nor denied: the source's copy stays frozen
    }
    tell_failure(failure, dead);
    // What the source has sent meanwhile is taken and dropped, so that it comes to read this.
    for (;;) (void)talk_.receive(kSourceReadsWhy, "the end");
  } catch (const std::exception& gone) {
    base::log("the end of the session: {}", gone.what());
  }
}

// CRIU failed or died while it let the tasks go. If they run, the move has succeeded.
bool TargetMove::has_run_all_the_same() {
  const auto judged = judge_resuming(read_logbook(Role::kTarget, plan_.job()).value());
  base::log("after criu's end: {}", judged.text());
  verdict_ = judged.fate();
  if (verdict_ != wire::Outcome::RUNS) return false;
  open_gate();
  conclude();
  settle_address();
  return true;
}

// What is unfinished, the guard or a person finishes.
void TargetMove::end_job() {
  if (!walk_) return;
  const bool ended = is_end(walk_->state());
  try {
    // Not before the last step: until then the mark among them says what became of the tasks.
    if (!ended && images_) images_->leave();
    images_.reset();
    if (ended) walk_->journal().note(kNoteTidy, true);
  } catch (const std::exception& failure) {
    base::log("the journal: {}", failure.what());
  }
  if (ended && guard_) guard_->dismiss();
}

// "Never ran" is said only of what is dead, and journalled as such.
void TargetMove::tell_failure(const std::exception& failure, bool never_ran) {
  wire::ToSource message;
  *message.mutable_failure() = to_failure(failure, never_ran);
  message.mutable_failure()->set_host(host_name());
  talk_.send(message);
}

// Nothing that this move brought stays: neither the record nor the directory, unless they were here before.
void TargetMove::tear_down() {
  parking_.reset();  // first: what waits goes back to the source
  relay_.reset();
  home_.reset();  // the ports are its own again
  if (service_) service_->take_off();  // what dies says nothing from it any more
  if (images_) images_->keep_log(criu::kRestoreLog, plan_.job());
  // All killed at once, CRIU reaped, and only then waited for: a pid namespace does not end before our child in it is reaped.
  if (capsule_) kernel::signal_process(capsule_->init(), SIGKILL);
  // Past the grant CRIU does not heed a refusal.
  if (place_ && restore_ && freezer_ && walk_ && walk_->state() == Target::kResuming) {
    for (const pid_t pid : tasks()) ::kill(pid, SIGKILL);
  }
  if (place_ && restore_) restore_->refuse();
  restore_.reset();
  netns_.reset();  // a capsule's ends with it
  if (place_) place_->remove();
  if (capsule_) capsule_->destroy();
  if (capsule_ && attachment_) handover::remove_link(*attachment_, *identity_, {});  // connections that had begun to end keep its namespace for minutes
  capsule_.reset();
  if (memory_) memory_->abort();
  memory_.reset();
  if (freezer_) freezer_->remove();
  if (service_) service_->end_connections();
  if (service_ && gate_) gate_->open();
  incoming_.reset();
  if (!walk_ || plan_.has_container()) return;
  if (earlier_) {
    capsule::save_record(*earlier_);
  } else {
    capsule::remove_record(plan_.name());
  }
}

}  // namespace ferry::migration
