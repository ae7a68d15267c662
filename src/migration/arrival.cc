// SPDX-License-Identifier: Apache-2.0
#include "migration/arrival.h"

#include <signal.h>

#include <thread>

#include "base/clock.h"
#include "capsule/spawn.h"
#include "criu/image_set.h"
#include "criu/release.h"
#include "criu/session.h"
#include "files/staged.h"
#include "handover/attachment.h"
#include "migration/container_place.h"
#include "migration/host.h"
#include "migration/service_place.h"
#include "runtime/workload.h"

namespace ferry::migration {

using base::milliseconds;
using wire::Outcome;

namespace {

constexpr milliseconds kCriuEnds{15'000};     // it notices at its next notification that nobody listens
constexpr milliseconds kCapsuleEnds{2'000};
constexpr milliseconds kReceiverEnds{25'000};  // grant to running, at the slowest
constexpr auto kPoll = milliseconds(5);

bool comes_true_within(milliseconds limit, const std::function<bool()>& condition) {
  const auto deadline = base::mono_now() + limit;
  while (!condition()) {
    if (base::mono_now() > deadline) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

bool is_alive(const std::optional<kernel::ProcessId>& process) { return process && kernel::is_alive(*process); }

// Its journal has the last word already.
Outcome outcome_of_ended(const Logbook& book) {
  if (book.state == name_of(Target::kAborted)) return outcome_here(Outcome::NEVER_RAN, "it was given up there");
  auto result = is_alive(book.process(kNoteCapsule)) ? outcome_here(Outcome::RUNS, "it runs there")
                                                     : outcome_here(Outcome::ENDED, "it ran there, and has ended or moved on since");
  if (const auto* resumed = book.find(kNoteResumed)) result.set_resumed_monotonic_ns(resumed->get<int64_t>());
  return result;
}

// False: it hangs.
bool end_criu(const Logbook& book) {
  const auto criu = book.process(kNoteCriu);
  if (!criu || kernel::ends_within(*criu, kCriuEnds)) return true;
  kernel::signal_process(*criu, SIGKILL);
  return kernel::ends_within(*criu, kCapsuleEnds);
}

}  // namespace

Outcome outcome_here(Outcome::Fate fate, const std::string& text) {
  Outcome result;
  result.set_fate(fate);
  result.set_text(text);
  result.set_host(host_name());
  return result;
}

Outcome judge_resuming(const Logbook& book) {
  if (!book.same_boot) return outcome_here(Outcome::UNKNOWN, "that host was restarted just when it was to run");
  if (!end_criu(book)) return outcome_here(Outcome::UNKNOWN, "its CRIU there neither ends nor can be killed");
  const auto mark = criu::release_of(book.note.job);
  if (!mark) return outcome_here(Outcome::UNKNOWN, "the mark of its CRIU has gone, and nothing else says whether it had run");
  // Not granted to a CRIU that is not known to change it.
  if (*mark < criu::Release::kAmidst) return outcome_here(Outcome::NEVER_RAN, "CRIU ended before it let it run");
  const auto init = book.process(kNoteCapsule);
  const bool is_unsure = *mark == criu::Release::kAmidst;
  const bool lives = is_unsure ? init && !kernel::ends_within(*init, kCapsuleEnds) : is_alive(init);
  if (lives) return outcome_here(Outcome::RUNS, "it runs there");
  if (is_unsure) return outcome_here(Outcome::UNKNOWN, "CRIU failed or was killed in the very moment in which it let it run");
  return outcome_here(Outcome::ENDED, "it ran there, and has ended since");
}

namespace {

class Arrival {
 public:
  explicit Arrival(const Logbook& book) : book_(book) {}

  Outcome settle() {
    const auto state = target_state(book_.state).value_or(Target::kPreparing);
    walk_.emplace(Walk<Target, TargetEvent>::resume(state, Journal::reopen(Role::kTarget, book_.note.job)));
    switch (state) {
      case Target::kAborted: return never_ran(outcome_here(Outcome::NEVER_RAN, "it was given up there"), {});
      case Target::kRunning: return ran({});
      case Target::kResuming: return settle_resuming();
      default: return never_ran(outcome_here(Outcome::NEVER_RAN, "its ferry there was gone before it could be told to run"), TargetEvent::kLinkLost);
    }
  }

 private:
  Outcome settle_resuming() {
    auto found = judge_resuming(book_);
    if (found.fate() == Outcome::UNKNOWN) return found;
    return found.fate() == Outcome::NEVER_RAN ? never_ran(std::move(found), TargetEvent::kFailed) : ran(TargetEvent::kResumed);
  }

  // Said only of what is dead, and journalled as such.
  Outcome never_ran(Outcome found, std::optional<TargetEvent> step) {
    remove_all();
    end_job(step);
    return found;
  }

  // The images last: until the last step the mark among them says what became of the tasks.
  void end_job(std::optional<TargetEvent> step) {
    if (step) walk_->step(*step);
    criu::ImageSet::sweep(book_.note.job);
    walk_->journal().note(kNoteTidy, true);
  }

  Outcome ran(std::optional<TargetEvent> step) {
    if (is_alive(book_.process(kNoteCapsule))) let_clients_in();
    if (const auto service = ServicePlace::of(book_)) service->barrier().open();
    for_each_staged([this](const std::string& path, uint64_t) { files::StagedFile::keep(path, book_.note.job); });
    end_job(step);
    return outcome_of_ended(book_);
  }

  // As in target.cc: resume(), each step of which may have been done already.
  void let_clients_in() {
    if (const auto place = ContainerPlace::of(book_)) return let_clients_into(*place);
    const auto* noted = book_.find(kNoteArrival);
    if (!noted) return;
    const auto record = capsule::from_text(*noted);
    const auto here = capsule::find_record(record.name);
    if (here && !(here->init == record.init)) return;  // a later arrival of the same name
    if (!here || here->moved_to.empty()) capsule::save_record(record);
    if (const auto identity = runtime::identity_of(record)) {
      handover::Port(handover::attachment_of(record.name, *identity)).open();
      handover::Announcer(kernel::open_namespace(record.init.pid, "net").get(), *identity).announce();
    }
    let_clients_reach_service();
  }

  void let_clients_reach_service() {
    const auto service = ServicePlace::of(book_);
    if (!service) return;
    service->put_on();
    service->barrier().open();
    service->barrier().announce();
  }

  void let_clients_into(const ContainerPlace& place) {
    const auto& network = place.network();
    if (network && network->identity()) {
      const auto root = book_.process(kNoteCapsule).value();
      const auto gate = handover::gate_of(*network->attachment(), *network->identity(), [root] { return kernel::open_namespace(root.pid, "net"); });
      gate->open();
      gate->announce();
    }
    let_clients_reach_service();
    place.settle_in();
  }

  void remove_all() {
    const auto service = ServicePlace::of(book_);
    if (service) service->take_off();  // first: what dies says nothing from it any more
    if (const auto place = ContainerPlace::of(book_)) {
      remove_container(*place);
    } else {
      remove_capsule();
    }
    if (!service) return;
    service->end_connections();
    service->barrier().open();
  }

  void remove_capsule() {
    if (const auto init = book_.process(kNoteCapsule)) capsule::destroy_capsule(*init);
    remove_link();
    if (const auto freezer = kernel::Freezer::find(book_.note.name)) freezer->remove();
    for_each_staged([this](const std::string& path, uint64_t inode) { files::StagedFile::take_back(path, book_.note.job, inode); });
    if (const auto* earlier = book_.find(kNoteEarlier)) {
      capsule::save_record(capsule::from_text(*earlier));
    } else if (const auto here = capsule::find_record(book_.note.name); !here || !capsule::is_running(*here)) {
      capsule::remove_record(book_.note.name);
    }
  }

  // It goes with its network namespace, which connections that had begun to end keep for minutes.
  void remove_link() {
    const auto* noted = book_.find(kNoteArrival);
    if (!noted) return;  // none can have begun
    const auto record = capsule::from_text(*noted);
    const auto here = capsule::find_record(record.name);
    if (here && capsule::is_running(*here) && !(here->init == record.init)) return;  // a later one has that name
    if (const auto identity = runtime::identity_of(record)) handover::remove_link(handover::attachment_of(record.name, *identity), *identity, {});
  }

  // Its ferry gone, CRIU and the engine come to an end by themselves, and the engine may tidy up.
  void remove_container(const ContainerPlace& place) {
    end_criu(book_);
    place.remove();
  }

  void for_each_staged(const std::function<void(const std::string& path, uint64_t inode)>& act) const {
    for (const auto& [key, value] : book_.notes) {
      if (key == kNoteStaged) act(value.value("path", ""), value.value("inode", uint64_t{0}));
    }
  }

  const Logbook& book_;
  std::optional<Walk<Target, TargetEvent>> walk_;
};

}  // namespace

Outcome settle_arrival(const Logbook& book) {
  const auto place = ContainerPlace::of(book);
  std::optional<runtime::EngineEnvironmentInForce> engine;
  if (place) engine.emplace(place->container().engine, place->container().environment);
  return book.is_finished() ? outcome_of_ended(book) : Arrival(book).settle();
}

Outcome settle_for_source(const std::string& job) {
  auto book = read_logbook(Role::kTarget, job);
  if (!book) return outcome_here(Outcome::UNKNOWN, "that host has no journal of this move: is it the same host?");
  std::optional<capsule::Lock> lock;
  comes_true_within(kReceiverEnds, [&] {
    lock = capsule::Lock::try_take(book->note.lock, "resolve", job);
    book = read_logbook(Role::kTarget, job);
    const auto state = target_state(book->state).value_or(Target::kPreparing);
    if (lock || is_end(state)) return true;
    const auto holder = capsule::Lock::find_holder(book->note.lock);
    const bool waits = holder && holder->job == job && holder->purpose == "receive" && state < Target::kResuming;
    if (waits) kernel::signal_process(holder->process, SIGKILL);
    return false;
  });
  if (lock) return settle_arrival(*book);
  if (is_end(target_state(book->state).value_or(Target::kPreparing))) return outcome_of_ended(*book);
  return outcome_here(Outcome::UNKNOWN, "another ferry there is still at work on it");
}

}  // namespace ferry::migration
