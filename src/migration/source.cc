// SPDX-License-Identifier: Apache-2.0
#include "migration/source.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/choice.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/usage.h"
#include "criu/lazy_entries.h"
#include "criu/written_files.h"
#include "kernel/slice.h"
#include "migration/host.h"
#include "migration/memory_arrival.h"
#include "migration/page_puller.h"
#include "migration/resolve.h"
#include "migration/source_move.h"
#include "migration/state_cost.h"

namespace ferry::migration {

using base::milliseconds;

namespace {

constexpr milliseconds kWorkloadResumes{3'000};  // grant to running; 15 ms is usual. Later it is asked on a new connection
// A server that cannot accept those that wait in so much time, so many times, never will: not a matter of the moment.
constexpr int kDumpTries = 5;
constexpr milliseconds kAccepts{200};
constexpr milliseconds kBetweenDumps{50};
constexpr milliseconds kCancelPoll{10};
constexpr int kBuryNice = 10;

// Nothing is urgent: whoever wants the CPU goes before this thread. The next move is as urgent as the one before.
class Unhurried {
 public:
  Unhurried() : before_(::getpriority(PRIO_PROCESS, self())) {
    set(kBuryNice);
    kernel::give_way_at_once();
  }
  ~Unhurried() {
    kernel::run_as_usual();
    set(before_);
  }
  Unhurried(const Unhurried&) = delete;
  Unhurried& operator=(const Unhurried&) = delete;

 private:
  static id_t self() { return static_cast<id_t>(::gettid()); }
  static void set(int nice) { (void)::setpriority(PRIO_PROCESS, self(), nice); }
  int before_;
};

}  // namespace

Mode parse_mode(std::string_view name) {
  return base::parse_choice<Mode>(name, kModeNames, fmt::format("there is no mode \"{}\"", name));
}

Relaying parse_relaying(std::string_view name) {
  return base::parse_choice<Relaying>(name, kRelayingNames, fmt::format("--relay {} cannot be", name));
}

void SourceMove::run() {
  try {
    prepare();
    copy();
    for (;;) {
      freeze();
      dump();
      send();
      if (!smaps_.is_known_to_differ()) break;
      take_back();
    }
    walk_->step(SourceEvent::kSent);
    restore();
    commit();
  } catch (const std::exception& failure) {
    give_up(failure);
  }
  if (walk_ && walk_->state() == Source::kServing) serve();
  if (report_.result == "moved" && (!post_copy_ || walk_->state() == Source::kDone)) end_here();
  clock_.stop();
  report_.phases = clock_.phases();
  report_.total_ms = clock_.elapsed_ms();
  if (peer_) report_.bytes_sent += peer_->link.bytes_sent();
  const base::Usage usage = base::own_usage();
  report_.source_cost = {usage.cpu_ms, usage.peak_rss_bytes};
}

void SourceMove::freeze() {
  clock_.start("freeze");
  wire::ToTarget notice;
  notice.mutable_freeze();
  talk_->send(notice);
  if (parking_) parking_->stand_by();
  if (entrance_) entrance_->stand_by();
  stop_workload();
  FAULT_POINT("source.frozen");
  walk_->step(SourceEvent::kFrozen);
}

void SourceMove::stop_workload(milliseconds accepts) {
  Frozen::GateEvents events;
  if (parking_) {
    events = {[this] { parking_->gate_will_shut(); }, [this] { parking_->gate_is_shut(); }, [this] { parking_->gate_is_open(); }};
  }
  if (entrance_) events = {[this] { hold_relays(); }, [] {}, [this] { let_relays_go_on(); }};
  end_throttle();
  frozen_.emplace(subject_.workload, *freezer_, origins_, accepts, std::move(events));
  frozen_at_ns_ = frozen_->since_ns();
  report_.frozen_real_ns = base::real_ns() - (base::mono_ns() - frozen_at_ns_);
  for_each_tree([](RootFiles& tree) { tree.send_changes(); });
}

void SourceMove::hold_relays() {
  entrance_->begin();
  if (home_) home_->hold();
}

void SourceMove::let_relays_go_on() {
  if (home_) {
    try {
      home_->go_on();
    } catch (const std::exception& gone) {
      base::log("{}", gone.what());  // with its connections
    }
  }
  entrance_->give_back();
}

void SourceMove::throw_if_target_failed() {
  talk_->throw_if_target_failed();
  if (parking_) parking_->throw_if_silent(report_.target);
}

void SourceMove::dump() {
  clock_.start("dump");
  for (int tries_left = kDumpTries - 1;; --tries_left) {
    try {
      dump_once();
      break;
    } catch (const TransientFailure& failure) {
      if (tries_left == 0) throw;
      observer_.notice(fmt::format("{}: tried again", failure.explanation().why));
    }
    let_it_run_a_moment();
  }
  FAULT_POINT("source.post_dump");
  frozen_->freeze_again();
  dump_->require_held();
  smaps_.begin_check();
  if (subject_.memory.by_ferry) memory_->send_late_writes([this] { throw_if_target_failed(); });
  FAULT_POINT("source.dumped");
  talk_->throw_if_cancelled();
  walk_->step(SourceEvent::kDumped);
}

// The last pages travel while CRIU dumps all else.
void SourceMove::dump_once() {
  if (subject_.memory.by_ferry) hide_memory();
  if (parking_) parking_->silence_workload();
  if (!subject_.memory.by_ferry) return dump_->run(report_.memory_bytes);
  memory_->begin_send();
  const auto wait_for_pages = [this] { memory_->finish_send([this] { throw_if_target_failed(); }); };
  try {
    dump_->run(0);
  } catch (const TransientFailure&) {
    wait_for_pages();
    throw;
  }
  wait_for_pages();
  if (const auto lost = criu::pages_nobody_restores(images_->directory())) {
    throw base::Error({fmt::format("did not move {}", report_.name), fmt::format("CRIU and ferry do not agree on its memory: {}", *lost),
                       "report this with the output of `grep -v ^Vm /proc/PID/smaps`; meanwhile it cannot move", {}, {}});
  }
}

// Nothing is left of the dump, and another CRIU is ready.
void SourceMove::let_it_go_on() {
  dump_.reset();
  if (shared_copy_) shared_copy_->end_last_look();
  frozen_->give_back();
  frozen_.reset();
  images_->clear();
  start_criu();
}

// What was in CRIU's way may be gone then. The state stays "dumping", which promises the target nothing and leads back to
// a workload that runs here, whoever ends the move.
void SourceMove::let_it_run_a_moment() {
  clock_.start("retry");
  let_it_go_on();
  talk_->throw_if_target_failed();
  const auto until = base::mono_now() + kBetweenDumps;
  while (base::mono_now() < until) {
    talk_->throw_if_cancelled();
    std::this_thread::sleep_for(kCancelPoll);
  }
  clock_.start("freeze");
  stop_workload(kAccepts);
  clock_.start("dump");
}

void SourceMove::send() {
  clock_.start("send");
  using Of = criu::ImageSet::Of;
  const auto images = images_->files_to_send(subject_.workload.container ? Of::kContainer : Of::kCapsule);
  uint64_t total = 0, done = 0;
  for (const auto& image : images) total += std::filesystem::file_size(image);
  const auto sent = [&](uint64_t bytes) {
    observer_.bytes(done += bytes, total);
    throw_if_target_failed();
  };
  const uint64_t sent_before = peer_->link.bytes_sent();
  if (shared_copy_) shared_copy_->send_last([this](uint64_t) { throw_if_target_failed(); });
  const uint64_t sent_between = peer_->link.bytes_sent();
  image_sender_->send(images, sent);
  report_.shared_last_bytes = sent_between - sent_before;
  report_.image_bytes = peer_->link.bytes_sent() - sent_between;
  if (root_files_) {
    finish_engine_files(criu::written_files(images_->directory(), criu::WrittenBy::kMapping));
  } else {
    subject_.files = criu::written_files(images_->directory(), criu::WrittenBy::kAnyMeans);  // some may be new since
    common_files_.leave_out(subject_.files);
    common_files_.write_back();
    send_workload_files();
  }
  walk_->journal().note(kNoteLeaves, subject_.files);
  FAULT_POINT("source.sent");
}

void SourceMove::restore() {
  clock_.start("restore");
  wire::ToTarget request;
  request.mutable_restore();
  for (const auto& pinned : dump_->pinned()) {
    auto& told = *request.mutable_restore()->add_pinned();
    told.set_cpus(pinned.cpus.text());
    told.mutable_tids()->Assign(pinned.tids.begin(), pinned.tids.end());
  }
  describe(dump_->sockets(), *request.mutable_restore());
  if (subject_.memory.by_ferry) memory_->describe(*request.mutable_restore());
  if (shared_copy_) {
    for (const uint64_t inode : shared_copy_->inodes()) request.mutable_restore()->add_shared(inode);
  }
  if (post_copy_) begin_serving();
  talk_->send(request);
  const auto answer = talk_->receive_from_target(state_limit(report_.memory_bytes), "the restore",
                                                 [this] { if (parking_) parking_->throw_if_silent(report_.target); });
  if (!answer.has_restored()) throw BrokenProtocol("it did not answer \"restored\"");
  for (const auto& warning : answer.restored().warnings()) observer_.notice(warning);
  require_same_flags();
  FAULT_POINT("source.restored");
  talk_->throw_if_cancelled();
}

// The fence. From the journal's fsync on, only the target's word can bring the workload back to life here.
void SourceMove::commit() {
  clock_.start("commit");
  walk_->step(SourceEvent::kRestored);
  frozen_->seal();
  dump_->abandon();
  talk_->stop_watching();
  FAULT_POINT("source.committed");
  wire::ToTarget grant;
  grant.mutable_grant();
  talk_->send(grant);
  FAULT_POINT("source.granted");
  const auto answer = talk_->receive_from_target(kWorkloadResumes, "\"running\"");
  if (!answer.has_running()) throw BrokenProtocol("it did not answer \"running\"");
  note_running(answer.running().resumed_monotonic_ns());
  walk_->step(running());
  FAULT_POINT("source.done");
}

// Faults come already while the target restores.
void SourceMove::begin_serving() {
  const auto spaces = memory_->served();
  walk_->journal().note(kNoteServes, serves_note(spaces));
  serving_.emplace(options_, report_.job, spaces, observer_.notice);
  serving_->begin(*talk_, memory_->release_lanes());
}

// Its frozen copy here has memory that it needs there. Whatever ends this process, the guard goes on with it.
void SourceMove::serve() {
  clock_.start("pull");
  const uint64_t all = subject_.memory.whole;
  try {
    talk_->watch(options_.wake_fd);
    serving_->wait_until_arrived(options_.post_copy_timeout, [&](uint64_t served) { observer_.bytes(served, std::max(served, all)); });
    walk_->step(SourceEvent::kArrived);
  } catch (const Cancelled&) {
    observer_.notice(fmt::format("{} runs on {}; the rest of its memory goes there in the background", report_.name, report_.target));
  } catch (const std::exception& failure) {
    walk_->step_if_writable(SourceEvent::kFailed);
    explain(failure);
    report_.unharmed = false;
    report_.result = "in-doubt";
    report_.error = {fmt::format("{} runs on {}, and waits there for memory from here", report_.name, report_.target),
                     fmt::format("the connection was cut: {}", report_.error.why),
                     fmt::format("ferry goes on trying in the background; `ferry resolve {}` does so now. The frozen copy here must stay: "
                                 "nothing else has that memory", report_.name),
                     {}, report_.journal};
  }
  report_.pulled_bytes = serving_->bytes_served();
  report_.bytes_sent += serving_->bytes_sent();
}

void SourceMove::note_running(int64_t resumed_monotonic_ns) {
  const int64_t pause_ns = resumed_monotonic_ns - target_ahead_.monotonic_ns - frozen_at_ns_;
  report_.frozen_ms = static_cast<double>(pause_ns) / 1e6;
  report_.resumed_real_ns = report_.frozen_real_ns + pause_ns;
  report_.result = "moved";
  if (relay_) serve_relay();
}

// It runs there: what has waited here for it is to come to it at once.
void SourceMove::serve_relay() {
  try {
    relay_->serve(std::move(*entrance_));
    report_.relay = handover::texts_of(subject_.workload.network.published->ports);
  } catch (const std::exception& failure) {
    observer_.notice(fmt::format("the ports of {} lead nowhere here any more: {}", report_.name, failure.what()));
  }
}

// For the next one's expectations.
void SourceMove::remember_cost() const {
  if (report_.taken_back > 0) return;  // its phases are of more than one freeze
  StateCost cost;
  for (const auto& phase : clock_.phases()) {
    if (phase.name == "dump") cost.dump_ms += phase.ms;
  }
  cost.rest_ms = std::max(0.0, report_.frozen_ms - cost.dump_ms);
  remember_state_cost(subject_.state_size(), cost);
}

// It lives over there: what is frozen here is only a copy.
void SourceMove::end_here() {
  clock_.start("bury");
  const Unhurried unhurried;  // it runs there; client and target may share this machine
  if (serving_) serving_->stop();
  const auto kill = [this](const auto& thaw) { dump_->kill(thaw); };
  const std::string untidy = bury(subject_.workload, *frozen_, *freezer_, {report_.target, subject_.files, kill});
  if (!untidy.empty()) observer_.notice(fmt::format("the move succeeded, but not all was tidied up here: {}", untidy));
  if (memory_) report_.bytes_sent += memory_->bytes_sent();
  memory_.reset();
  images_.reset();
  end_job();
  remember_cost();
  if (parking_) report_.parking = parking_->finish();
  parking_.reset();
  if (subject_.memory.by_ferry) settle();
  wire::ToTarget farewell;
  farewell.mutable_farewell();
  try {
    talk().send(farewell);
  } catch (const std::exception& gone) {
    base::log("no farewell: {}", gone.what());
  }
}

// It runs over there, and waits for a page now and then. Nothing depends on our watching.
void SourceMove::settle() {
  clock_.start("settle");
  try {
    talk().watch(options_.wake_fd);
    const auto answer = talk().receive_from_target(state_limit(report_.memory_bytes), "the last of its memory");
    if (!answer.has_settled()) throw BrokenProtocol("it did not answer \"settled\"");
    const auto& settled = answer.settled();
    report_.settle_ms = settled.settle_ms();
    report_.faults = settled.faults();
    report_.left_at_resume = settled.left_at_resume();
    report_.worst_fault_ms = settled.worst_fault_ms();
    report_.target_cost = {settled.cpu_ms(), settled.peak_rss_bytes()};
    if (settled.lost()) observer_.notice(fmt::format("{} has ended on {} before all of its memory was in place", report_.name, report_.target));
  } catch (const Cancelled&) {
    observer_.notice(fmt::format("{} runs on {}; its memory is still being put in place there", report_.name, report_.target));
  } catch (const std::exception& failure) {
    observer_.notice(fmt::format("{} runs on {}, but how its memory settled there is not known: {}", report_.name, report_.target, failure.what()));
  }
}

// What was dumped may turn out to be wrong when the target has built it: only from the start can it be made again.
Report run_source(const MoveOptions& options, const Observer& observer) {
  Report report;
  SourceMove(options, observer, report, EarlySmaps::Trust::kYes).run();
  return report.flags_changed ? run_source_again(options, observer, report) : report;
}

}  // namespace ferry::migration
