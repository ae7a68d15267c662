// SPDX-License-Identifier: Apache-2.0
//
// A move that cannot go on. Before the commit point the workload runs on as if nothing had happened; after it only the target's word
// counts, and without one both copies stay as they are.
#include <fmt/format.h>

#include "base/log.h"
#include "migration/source_move.h"

namespace ferry::migration {

using base::Error;
using base::Exit;

namespace {

constexpr base::milliseconds kTargetAnswersAbort{2'000};

}  // namespace

void SourceMove::end_job() {
  try {
    walk_->journal().note(kNoteTidy, true);
  } catch (const std::exception& failure) {
    base::log("the journal: {}", failure.what());
  }
  if (guard_) guard_->dismiss();
}

void SourceMove::give_up(const std::exception& failure) {
  const bool told_running = report_.result == "moved";  // only writing that down went wrong
  if (told_running) return;
  explain(failure);
  if (!walk_) return;  // not even begun
  if (is_before_commit(walk_->state())) {
    clock_.start("abort");
    for_each_tree([](RootFiles& tree) { tree.give_up(); });  // the target takes back what has come
    tell_target_to_abort();
    let_it_run();
    walk_->step_if_writable(exit_of(failure) == Exit::kCancelled ? SourceEvent::kCancelled : SourceEvent::kFailed);
    return end_job();
  }
  auto verdict = ask_for_verdict(failure);
  if (!verdict) return leave_in_doubt();
  if (verdict == SourceEvent::kRunning) verdict = running();
  walk_->step_if_writable(*verdict);
  if (*verdict != SourceEvent::kNeverRan) return;
  let_it_run();
  end_job();
}

void SourceMove::explain(const std::exception& failure) {
  if (const auto* known = dynamic_cast<const Error*>(&failure)) {
    report_.error = known->explanation();
  } else {
    report_.error.what = failure.what();
  }
  // What the target said before its end explains more than that it is gone.
  if (dynamic_cast<const LinkLost*>(&failure) && peer_) {
    if (const auto words = peer_->target_errors(); !words.empty()) report_.error.why += "; it said: " + words;
  }
  switch (exit_of(failure)) {
    case Exit::kRefused: report_.result = "refused"; break;
    case Exit::kCancelled: report_.result = "cancelled"; break;
    default: report_.result = "failed";
  }
}

void SourceMove::tell_target_to_abort() {
  try {
    talk_->stop_watching();
    wire::ToTarget abort;
    abort.mutable_abort();
    if (!peer_->link.torn()) talk_->send(abort);
  } catch (const std::exception& gone) {
    base::log("the target was not told: {}", gone.what());
  }
}

// CRIU takes its sockets out of repair mode and lets go of the tasks; then they are thawed.
void SourceMove::let_it_run() {
  end_throttle();
  serving_.reset();
  if (dump_) dump_->release();
  dump_.reset();
  const bool is_gathered = report_.throttle.percent > 0 && !subject_.workload.has_own_cgroup();  // to be slowed: it goes back
  if (is_gathered && !frozen_) frozen_.emplace(subject_.workload, *freezer_, origins_, Frozen::LeftBehind{});
  if (frozen_) {
    try {
      frozen_->give_back();
    } catch (const std::exception& failure) {
      report_.unharmed = false;
      report_.error.why += fmt::format("; and not all of it could be put back here: {}", failure.what());
    }
  }
  frozen_.reset();
  if (parking_) parking_->wait_for_return();
  parking_.reset();
  relay_.reset();
  entrance_.reset();
  shared_copy_.reset();  // it may still be looking by the trackers
  memory_.reset();       // not earlier: what it takes to forget the pages of a large task is no part of the pause
  if (freezer_ && !subject_.workload.is_capsule()) freezer_->remove();
  images_.reset();
  allow_restarts(subject_.workload);
}

// Past the commit only the target's word counts. It has said it already, or it is asked.
std::optional<SourceEvent> SourceMove::ask_for_verdict(const std::exception& failure) {
  if (const auto* told = dynamic_cast<const PeerFailure*>(&failure)) {
    if (told->never_ran()) return SourceEvent::kNeverRan;
    return std::nullopt;
  }
  if (const auto verdict = ask_on_this_link()) return verdict;
  return ask_on_a_new_link();
}

// An abort in time is answered "never ran", one that is too late with "running".
std::optional<SourceEvent> SourceMove::ask_on_this_link() {
  if (peer_->link.torn()) return std::nullopt;
  tell_target_to_abort();
  try {
    const auto answer = talk_->receive_from_target(kTargetAnswersAbort, "its word on the copy there");
    if (!answer.has_running()) return std::nullopt;
    note_running(answer.running().resumed_monotonic_ns());
    report_.error = {};
    return SourceEvent::kRunning;
  } catch (const PeerFailure& told) {
    if (told.never_ran()) return SourceEvent::kNeverRan;
  } catch (const std::exception& gone) {
    base::log("no word from the target: {}", gone.what());
  }
  return std::nullopt;
}

std::optional<SourceEvent> SourceMove::ask_on_a_new_link() {
  observer_.notice(fmt::format("lost the connection to {} after the commit point: asking there what has become of it", report_.target));
  try {
    const auto told = ask_target(options_, report_.job);
    base::log("{}: {}", told.host(), told.text());
    if (told.fate() == wire::Outcome::NEVER_RAN) return SourceEvent::kNeverRan;
    if (told.fate() == wire::Outcome::UNKNOWN) return std::nullopt;
    note_running(told.resumed_monotonic_ns());
    report_.error = {};
    return SourceEvent::kRunning;
  } catch (const std::exception& gone) {
    base::log("no word from the target: {}", gone.what());
  }
  return std::nullopt;
}

// Its guard goes on asking for some minutes.
void SourceMove::leave_in_doubt() {
  walk_->step_if_writable(SourceEvent::kFailed);
  report_.unharmed = false;
  const auto& name = subject_.workload.name;
  report_.result = "in-doubt";
  report_.error = {fmt::format("{} may be running on {} already", name, options_.destination),
                   fmt::format("it went wrong after the commit point: {}: {}", report_.error.what, report_.error.why),
                   fmt::format("the copy here stays frozen and does not run; ferry goes on asking {} in the background. `ferry resolve {}` "
                               "does so now, and says what it found", options_.destination, name),
                   {}, report_.journal};
}

}  // namespace ferry::migration
