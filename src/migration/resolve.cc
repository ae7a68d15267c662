// SPDX-License-Identifier: Apache-2.0
#include "migration/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "migration/arrival.h"
#include "runtime/workload.h"

namespace ferry::migration {

namespace {

// A ferry that dies gives its lock back within ms; its guard may be at work.
constexpr base::milliseconds kLockComesFree{10'000};
// So many finished jobs stay to be read; older ones are forgotten.
constexpr std::ptrdiff_t kKeptJobs = 200;

Resolution describe(const Logbook& book) {
  return {book.note.job, book.note.name, std::string(name_of(book.role)), book.note.peer, "", "", false};
}

Resolution settle(const Logbook& book, Decision decision) {
  if (book.role == Role::kSource) return settle_departure(book, decision);
  Resolution result = describe(book);
  const auto outcome = settle_arrival(book);
  result.found = outcome.text();
  switch (outcome.fate()) {
    case wire::Outcome::NEVER_RAN: result.done = "what was left of it here was removed"; break;
    case wire::Outcome::RUNS: result.done = "it goes on here"; break;
    case wire::Outcome::ENDED: result.done = "nothing"; break;
    default: result.done = "nothing: it is for a person to say", result.is_open = true;
  }
  return result;
}

void forget_oldest(const std::vector<Logbook>& books) {
  auto surplus = std::ranges::count_if(books, &Logbook::is_finished) - kKeptJobs;
  std::error_code ignored;
  for (const auto& book : books) {
    if (surplus <= 0) return;
    if (!book.is_finished()) continue;
    std::filesystem::remove(journal_path(book.role, book.note.job), ignored);
    --surplus;
  }
}

std::optional<capsule::Lock> take_lock(const Logbook& book) {
  const auto deadline = base::mono_now() + kLockComesFree;
  for (;;) {
    if (auto lock = capsule::Lock::try_take(book.note.lock, "resolve", book.note.job)) return lock;
    const auto holder = capsule::Lock::find_holder(book.note.lock);
    const bool at_work = holder && holder->purpose != "resolve";
    if (at_work || base::mono_now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(base::milliseconds(5));
  }
}

}  // namespace

Resolution resolve_job(Role role, const std::string& job, Decision decision) {
  const auto known = read_logbook(role, job);
  if (!known) base::refuse(fmt::format("cannot resolve {}", job), "this host has no journal of that move");
  const auto lock = take_lock(*known);
  if (!lock) {
    Resolution result = describe(*known);
    result.found = "a ferry is at work on it";
    result.done = "nothing: wait for its end";
    result.is_open = true;
    return result;
  }
  const auto book = read_logbook(role, job).value_or(*known);
  if (!book.is_finished()) return settle(book, decision);
  Resolution result = describe(book);
  result.found = "it has been finished";
  result.done = "nothing";
  return result;
}

std::vector<Resolution> resolve(const std::string& what, Decision decision) {
  std::vector<Resolution> results;
  for (const auto& book : unfinished_logbooks()) {
    const bool is_meant = what.empty() || what == book.note.job || what == book.note.name || what == book.note.lock ||
                          (runtime::is_pid(what) && runtime::lock_name(what) == book.note.lock);
    if (is_meant) results.push_back(resolve_job(book.role, book.note.job, decision));
  }
  return results;
}

std::optional<Logbook> find_serving(const std::string& name) {
  for (auto& book : unfinished_logbooks()) {
    const bool serves = book.role == Role::kSource && source_state(book.state) == Source::kServing;
    if (serves && book.note.name == name && book.same_boot) return std::move(book);
  }
  return std::nullopt;
}

std::vector<Resolution> finish_earlier_jobs(const std::string& lock) {
  std::vector<Resolution> results;
  const auto books = all_logbooks();
  forget_oldest(books);
  for (const auto& book : books) {
    if (book.is_finished() || book.note.lock != lock) continue;
    const auto state = source_state(book.state).value_or(Source::kPreparing);
    if (book.role == Role::kSource && state == Source::kServing) {
      base::refuse(fmt::format("cannot move {}", book.note.name),
                   fmt::format("it runs on {}, which still needs memory of the frozen copy here", book.note.peer),
                   fmt::format("`ferry resolve {}` sends it there", book.note.name));
    }
    if (book.role == Role::kSource && (state == Source::kCommitted || state == Source::kInDoubt)) {
      base::refuse(fmt::format("cannot move {}", book.note.name),
                   fmt::format("an earlier move of it ended in doubt: it may run on {} already", book.note.peer),
                   fmt::format("`ferry resolve {}` asks there, and finishes it", book.note.name));
    }
    results.push_back(settle(book, Decision::kAskTarget));
  }
  return results;
}

}  // namespace ferry::migration
