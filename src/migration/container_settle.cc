// SPDX-License-Identifier: Apache-2.0
#include "migration/container_settle.h"

#include <fmt/format.h>

#include "migration/arrival.h"
#include "migration/container_copy.h"
#include "migration/host.h"

namespace ferry::migration {

using wire::Outcome;
using State = ContainerCopy::State;

namespace {

class ContainerDeparture {
 public:
  explicit ContainerDeparture(const Logbook& book)
      : book_(book),
        state_(source_state(book.state).value_or(Source::kPreparing)),
        walk_(Walk<Source, SourceEvent>::resume(state_, Journal::reopen(Role::kSource, book.note.job))),
        copy_(container_note_of(book)) {}

  Resolution settle(Decision decision) {
    result_ = {book_.note.job, book_.note.name, "source", book_.note.peer, "", "", false};
    if (state_ == Source::kAborted) return go_on("its ferry was killed while it gave the move up", {});
    if (state_ == Source::kDone) return end_here(fmt::format("it runs on {}", book_.note.peer), {});
    if (is_before_commit(state_)) return go_on("its ferry was killed before the commit point", SourceEvent::kFailed);
    if (decision == Decision::kRunHere) return go_on("you say that it does not run there", SourceEvent::kNeverRan);
    if (decision == Decision::kDropHere) return end_here("you say that it runs there", SourceEvent::kRunning);
    return settle_by_target();
  }

 private:
  Resolution settle_by_target() {
    Outcome told;
    try {
      told = ask_target(contact_of(book_), book_.note.job);
    } catch (const base::Error& unreachable) {
      return leave(fmt::format("{} cannot be asked: {}", book_.note.peer, unreachable.what()));
    }
    const std::string found = fmt::format("{} says: {}", told.host(), told.text());
    switch (told.fate()) {
      case Outcome::NEVER_RAN: return go_on(found, SourceEvent::kNeverRan);
      case Outcome::RUNS:
      case Outcome::ENDED: return end_here(found, SourceEvent::kRunning);
      default: return leave(found);
    }
  }

  Resolution leave(const std::string& found) {
    if (state_ != Source::kInDoubt) walk_.step(SourceEvent::kFailed);
    result_.found = found;
    result_.done = "nothing: the copy here stays stopped";
    result_.is_open = true;
    return result_;
  }

  // Past the commit the journal says it before the container runs: from then on the target's answer can only be the same.
  Resolution go_on(const std::string& found, std::optional<SourceEvent> step) {
    result_.found = found;
    if (step && !is_before_commit(state_)) walk_.step(*step);
    try {
      copy_.go_on();
      result_.done = "it goes on here";
    } catch (const base::Error& failure) {
      result_.done = fmt::format("nothing yet: {}", failure.what());
      result_.is_open = true;
      return result_;
    }
    return finish(is_before_commit(state_) ? step : std::nullopt);
  }

  Resolution end_here(const std::string& found, std::optional<SourceEvent> step) {
    if (step) walk_.step(*step);
    result_.found = found;
    copy_.end_here();
    result_.done = copy_.note().keep_source ? "the stopped copy here is kept" : "the stopped copy here was removed";
    return finish({});
  }

  Resolution finish(std::optional<SourceEvent> step) {
    if (step) walk_.step(*step);
    walk_.journal().note(kNoteTidy, true);
    return result_;
  }

  const Logbook& book_;
  Source state_;
  Walk<Source, SourceEvent> walk_;
  ContainerCopy copy_;
  Resolution result_;
};

class ContainerArrival {
 public:
  explicit ContainerArrival(const Logbook& book)
      : book_(book),
        walk_(Walk<Target, TargetEvent>::resume(target_state(book.state).value_or(Target::kPreparing),
                                                Journal::reopen(Role::kTarget, book.note.job))),
        copy_(container_note_of(book)) {}

  Outcome settle() {
    switch (walk_.state()) {
      case Target::kAborted: return never_ran("it was given up there", {});
      case Target::kRunning: return ran({});
      case Target::kResuming: return settle_resuming();
      default: return never_ran("its ferry there was gone before it could be told to run", TargetEvent::kLinkLost);
    }
  }

 private:
  // The engine goes on with a start whose client has gone; look() waits for its end.
  Outcome settle_resuming() {
    switch (copy_.look()) {
      case State::kRuns: return ran(TargetEvent::kResumed);
      case State::kNeverRan: return never_ran("the engine had not started it", TargetEvent::kFailed);
      case State::kFresh: return never_ran("the engine had started it afresh", TargetEvent::kFailed);
      default: return outcome_here(Outcome::UNKNOWN, "it is not running there, and nothing says whether it had");
    }
  }

  // Said only of what is gone, and journalled as such.
  Outcome never_ran(const std::string& text, std::optional<TargetEvent> step) {
    if (step) copy_.remove();
    if (step) walk_.step(*step);
    tidy();
    return outcome_here(Outcome::NEVER_RAN, text);
  }

  Outcome ran(std::optional<TargetEvent> step) {
    const bool runs = copy_.look() == State::kRuns;
    if (step) walk_.step(*step);
    if (runs && !book_.is_finished()) copy_.settle_in();
    tidy();
    auto result = runs ? outcome_here(Outcome::RUNS, "it runs there")
                       : outcome_here(Outcome::ENDED, "it ran there, and has ended or moved on since");
    if (const auto* resumed = book_.find(kNoteResumed)) result.set_resumed_monotonic_ns(resumed->get<int64_t>());
    return result;
  }

  void tidy() {
    if (!book_.is_finished()) walk_.journal().note(kNoteTidy, true);
  }

  const Logbook& book_;
  Walk<Target, TargetEvent> walk_;
  ContainerCopy copy_;
};

}  // namespace

Resolution settle_container_departure(const Logbook& book, Decision decision) { return ContainerDeparture(book).settle(decision); }

Outcome settle_container_arrival(const Logbook& book) { return ContainerArrival(book).settle(); }

}  // namespace ferry::migration
