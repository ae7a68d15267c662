// SPDX-License-Identifier: Apache-2.0
//
// A container's move that cannot go on. Before the commit point its own engine starts it again from its checkpoint, here; after it
// only the target's word counts, and without one both copies stay as they are.
#include <fmt/format.h>

#include "base/log.h"
#include "migration/container_source.h"

namespace ferry::migration {

using base::Error;
using base::Exit;

void ContainerSource::end_job() {
  try {
    walk_->journal().note(kNoteTidy, true);
  } catch (const std::exception& failure) {
    base::log("the journal: {}", failure.what());
  }
  if (guard_) guard_->dismiss();
}

void ContainerSource::give_up(const std::exception& failure) {
  const bool told_running = report_.result == "moved";  // only writing that down went wrong
  if (told_running) return;
  explain(failure);
  if (!walk_) return;  // not even begun
  if (is_before_commit(walk_->state())) {
    clock_.start("abort");
    tell_target_to_abort();
    let_it_run();
    if (!report_.unharmed) return;  // its guard and `ferry resolve` try again
    walk_->step_if_writable(exit_of(failure) == Exit::kCancelled ? SourceEvent::kCancelled : SourceEvent::kFailed);
    return end_job();
  }
  const auto verdict = ask_for_verdict(failure);
  if (!verdict) return leave_in_doubt();
  walk_->step_if_writable(*verdict);
  if (*verdict != SourceEvent::kNeverRan) return;
  clock_.start("abort");
  let_it_run();
  if (report_.unharmed) end_job();
}

void ContainerSource::explain(const std::exception& failure) {
  if (const auto* known = dynamic_cast<const Error*>(&failure)) {
    report_.error = known->explanation();
  } else {
    report_.error.what = failure.what();
  }
  if (dynamic_cast<const LinkLost*>(&failure) && peer_) {
    if (const auto words = peer_->target_errors(); !words.empty()) report_.error.why += "; it said: " + words;
  }
  switch (exit_of(failure)) {
    case Exit::kRefused: report_.result = "refused"; break;
    case Exit::kCancelled: report_.result = "cancelled"; break;
    default: report_.result = "failed";
  }
}

void ContainerSource::tell_target_to_abort() {
  try {
    talk_->stop_watching();
    wire::ToTarget abort;
    abort.mutable_abort();
    if (!peer_->link.torn()) talk_->send(abort);
  } catch (const std::exception& gone) {
    base::log("the target was not told: {}", gone.what());
  }
}

void ContainerSource::let_it_run() {
  try {
    copy_->go_on();
  } catch (const std::exception& failure) {
    report_.unharmed = false;
    report_.error.why += fmt::format("; and it does not go on here yet: {}", failure.what());
  }
}

// Past the commit only the target's word counts. It has said it already, or it is asked.
std::optional<SourceEvent> ContainerSource::ask_for_verdict(const std::exception& failure) {
  if (const auto* told = dynamic_cast<const PeerFailure*>(&failure)) {
    if (told->never_ran()) return SourceEvent::kNeverRan;
    return std::nullopt;
  }
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
void ContainerSource::leave_in_doubt() {
  walk_->step_if_writable(SourceEvent::kFailed);
  report_.unharmed = false;
  report_.result = "in-doubt";
  report_.error = {fmt::format("{} may be running on {} already", report_.name, options_.destination),
                   fmt::format("it went wrong after the commit point: {}: {}", report_.error.what, report_.error.why),
                   fmt::format("the copy here stays stopped, with its checkpoint {}; do not start it. ferry goes on asking {} in the "
                               "background; `ferry resolve {}` does so now, and says what it found",
                               copy_->note().checkpoint, options_.destination, report_.name),
                   {}, report_.journal};
}

}  // namespace ferry::migration
