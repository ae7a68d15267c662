// SPDX-License-Identifier: Apache-2.0
#include "migration/source.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/fault.h"
#include "base/log.h"
#include "capsule/spawn.h"
#include "criu/doctor.h"
#include "criu/image_set.h"
#include "criu/session.h"
#include "files/staged.h"
#include "migration/conversation.h"
#include "migration/frozen.h"
#include "migration/host.h"
#include "migration/journal.h"

namespace ferry::migration {

using base::Error;
using base::Exit;
using base::milliseconds;
using base::mono_now;

namespace {

constexpr milliseconds kTargetPrepares{30'000};
constexpr milliseconds kTargetAnswers{5'000};
constexpr milliseconds kTargetResumes{20'000};   // grant to running; 30 ms is usual
constexpr milliseconds kCriuEnds{10'000};        // killing or releasing what it holds
constexpr int kClockProbes = 8;                  // the shortest of eight round trips
// A dump or a restore takes about a second per GiB where memory is slow; ten times that is a hang.
constexpr uint64_t kSlowestBytesPerMs = 100 * 1024;
constexpr milliseconds kStateLimit{30'000};

milliseconds limit_for(uint64_t bytes) { return kStateLimit + milliseconds(bytes / kSlowestBytesPerMs); }

class SourceMove {
 public:
  SourceMove(const MoveOptions& options, const Observer& observer, Report& report)
      : options_(options), observer_(observer), report_(report), clock_(observer) {}

  void run() {
    try {
      prepare();
      copy();
      freeze();
      dump();
      send();
      restore();
      commit();
      bury();
      report_.result = "moved";
    } catch (const std::exception& failure) {
      give_up(failure);
    }
    clock_.stop();
    report_.phases = clock_.phases();
    report_.total_ms = clock_.elapsed_ms();
    if (peer_) report_.bytes_sent = peer_->link.bytes_sent();
  }

 private:
  void prepare();
  void copy();
  void freeze();
  void dump();
  void send();
  void restore();
  void commit();
  void bury();

  void check_workload();
  void connect();
  void measure_clocks();
  wire::ToTarget make_plan();
  void start_criu();
  [[noreturn]] void fail_dump(const criu::Event& event);
  std::string criu_failure(const criu::Event& event);
  void end_criu(bool killed);
  void record_as_moved();
  void give_up(const std::exception& failure);
  void finish_burial(const std::exception& failure);
  void tell_target_to_abort();
  std::optional<SourceEvent> ask_for_verdict(const std::exception& failure);
  void let_it_run();
  void leave_in_doubt(const std::exception& failure);
  void explain(const std::exception& failure);

  const MoveOptions& options_;
  const Observer& observer_;
  Report& report_;
  PhaseClock clock_;

  std::optional<capsule::Lock> lock_;
  runtime::Workload workload_;
  process::Tree tree_;
  bool shell_job_ = false;
  std::vector<std::string> files_;
  std::map<std::string, SentFile> sent_files_;
  std::optional<Walk<Source, SourceEvent>> walk_;
  std::optional<transport::Peer> peer_;
  std::optional<Conversation> talk_;
  kernel::TimeOffsets target_ahead_;  // the target's clocks minus ours
  std::optional<criu::ImageSet> images_;
  // Before CRIU in this list, so after it in destruction: CRIU lets go of the tasks, then they are thawed.
  std::optional<kernel::Freezer> freezer_;
  std::optional<Frozen> frozen_;
  std::optional<criu::Session> criu_;
  int64_t frozen_at_ns_ = 0;  // CLOCK_MONOTONIC here
};

void SourceMove::prepare() {
  clock_.start("prepare");
  report_.source = host_name();
  lock_ = capsule::Lock::take(runtime::lock_name(options_.what), "move");
  workload_ = runtime::find_workload(options_.what, options_.arrival_name);
  report_.name = workload_.name;
  report_.job = new_job_id();
  check_workload();
  connect();
  FAULT_POINT("source.connected");
  auto journal = Journal::create(Role::kSource, {report_.job, workload_.name, options_.destination});
  report_.journal = journal.path().string();
  walk_.emplace(Source::kPreparing, std::move(journal));
  measure_clocks();
  images_.emplace(report_.job, report_.memory_bytes);
  talk_->send(make_plan());
  const auto answer = talk_->receive_from_target(kTargetPrepares, "its preparations");
  report_.target = answer.ready().host();
  FAULT_POINT("source.prepared");
  walk_->step(SourceEvent::kReady);
}

void SourceMove::check_workload() {
  tree_ = process::read_tree(workload_.root);
  report_.memory_bytes = process::memory_bytes(tree_);
  if (std::ranges::find(tree_.pids, ::getpid()) != tree_.pids.end()) {
    base::refuse(fmt::format("cannot move {}", workload_.name), "this ferry itself runs in it");
  }
  if (!workload_.identity && !options_.tcp_close && process::has_established_tcp(tree_)) {
    base::refuse(fmt::format("cannot move {}", workload_.name),
                 "it has open TCP connections on this host's own address, which does not move with it",
                 "start it with an address of its own (ferry run --ip), or say --tcp close to let the "
                 "connections break");
  }
  const auto session = kernel::inner_pid(kernel::session_of(workload_.root).value_or(0));
  const auto root = kernel::inner_pid(workload_.root);
  shell_job_ = !workload_.is_capsule() && session != root;
  files_ = process::written_files(tree_);
}

void SourceMove::connect() {
  transport::ConnectOptions how;
  how.ssh_options = options_.ssh_options;
  how.ports = options_.ports;
  how.tunnel = options_.tunnel;
  how.faults = base::fault_specification();
  how.wake_fd = options_.wake_fd;
  const auto destination = transport::parse_destination(options_.destination);
  peer_.emplace(transport::connect(destination, how, observer_.notice));
  report_.target = destination.host;
  report_.via = peer_->way == transport::Way::kDirect ? "tls" : "ssh";
  talk_.emplace(peer_->link, destination.host, options_.wake_fd);
}

void SourceMove::measure_clocks() {
  wire::ToTarget probe;
  probe.mutable_clock_probe();
  int64_t shortest = INT64_MAX;
  for (int i = 0; i < kClockProbes; ++i) {
    const int64_t before = base::clock_ns(CLOCK_MONOTONIC), boot = base::clock_ns(CLOCK_BOOTTIME);
    talk_->send(probe);
    const auto answer = talk_->receive_from_target(kTargetAnswers, "its clock").clock();
    const int64_t round_trip = base::clock_ns(CLOCK_MONOTONIC) - before;
    if (round_trip >= shortest) continue;
    shortest = round_trip;
    target_ahead_ = {answer.monotonic_ns() - (before + round_trip / 2),
                     answer.boottime_ns() - (boot + round_trip / 2)};
  }
}

wire::ToTarget SourceMove::make_plan() {
  wire::ToTarget message;
  auto& plan = *message.mutable_plan();
  plan.set_job(report_.job);
  plan.set_name(workload_.name);
  plan.set_command(workload_.command);
  plan.set_source_host(report_.source);
  plan.set_source_id(host_id());
  plan.set_root_pid(kernel::inner_pid(workload_.root).value_or(0));
  plan.set_last_pid(process::pid_gap(process::inner_tids(tree_)));
  plan.set_memory_bytes(report_.memory_bytes);
  const auto theirs = workload_.time_offsets(), ours = kernel::own_time_offsets();
  plan.set_monotonic_shift_ns(theirs.monotonic_ns - ours.monotonic_ns - target_ahead_.monotonic_ns);
  plan.set_boottime_shift_ns(theirs.boottime_ns - ours.boottime_ns - target_ahead_.boottime_ns);
  utsname names{};
  ::uname(&names);
  plan.set_machine(names.machine);
  plan.set_tcp_close(options_.tcp_close);
  plan.set_shell_job(shell_job_);
  for (const auto& path : files_) {
    auto& file = *plan.add_files();
    file.set_path(path);
    std::error_code gone;
    file.set_size(std::filesystem::file_size(path, gone));
  }
  if (workload_.identity) {
    auto& identity = *plan.mutable_identity();
    identity.set_address(workload_.identity->address.text());
    identity.set_mac(workload_.identity->mac.text());
    if (workload_.identity->gateway) identity.set_gateway(workload_.identity->gateway->text());
    const auto netns = kernel::open_namespace(workload_.root, "net");
    for (const auto& known : handover::neighbours_in(netns.get())) {
      auto& neighbour = *identity.add_neighbours();
      neighbour.set_address(known.address.text());
      neighbour.set_mac(known.mac.text());
    }
  }
  return message;
}

// Everything that can be sent while the workload runs. Without the memory plane: its open files, and CRIU made ready.
void SourceMove::copy() {
  clock_.start("copy");
  for (const auto& path : files_) {
    wire::FileStart start;
    start.set_kind(wire::FileStart::CARRIED);
    start.set_path(path);
    sent_files_[path] = send_file(*talk_, path, std::move(start), [](uint64_t) {});
  }
  start_criu();
  talk_->throw_if_cancelled();
  FAULT_POINT("source.before_freeze");
  walk_->step(SourceEvent::kCopied);
}

// CRIU starts, reads its options and probes the kernel, and then waits at its pre-dump gate: none of that
// is part of the pause.
void SourceMove::start_criu() {
  const auto installation = criu::Installation::find();
  freezer_ = kernel::Freezer::create(Frozen::cgroup_name(workload_));
  criu_ = criu::Session::start(installation, kernel::Namespaces::of(workload_.root));
  auto request = criu::dump_request(images_->link(), kernel::inner_pid(workload_.root).value_or(0), freezer_->path());
  request.mutable_opts()->set_shell_job(shell_job_);
  request.mutable_opts()->set_tcp_close(options_.tcp_close);
  criu_->request(request);
  const auto event = criu_->run_until("pre-dump", mono_now() + kStateLimit);
  if (!std::holds_alternative<criu::Notified>(event)) fail_dump(event);
}

void SourceMove::freeze() {
  clock_.start("freeze");
  wire::ToTarget notice;
  notice.mutable_freeze();
  talk_->send(notice);
  frozen_at_ns_ = base::clock_ns(CLOCK_MONOTONIC);
  report_.frozen_real_ns = base::real_ns();
  frozen_.emplace(workload_, *freezer_);
  FAULT_POINT("source.frozen");
  walk_->step(SourceEvent::kFrozen);
}

void SourceMove::dump() {
  clock_.start("dump");
  criu_->answer(true);
  // Not interruptible: a CRIU that dies in the middle leaves its parasite in the tasks. Ctrl-C is heard right after.
  const auto event = criu_->run_until("post-dump", mono_now() + limit_for(report_.memory_bytes));
  if (!std::holds_alternative<criu::Notified>(event)) fail_dump(event);
  frozen_->freeze_again();
  FAULT_POINT("source.dumped");
  talk_->throw_if_cancelled();
  walk_->step(SourceEvent::kDumped);
}

// A CRIU that says "failed" has put the tasks back itself.
void SourceMove::fail_dump(const criu::Event& event) {
  const std::string why = criu_failure(event);
  criu_.reset();
  throw Error({fmt::format("cannot dump {}", workload_.name), why, "", {},
               images_->keep_log(criu::kDumpLog, report_.job)});
}

std::string SourceMove::criu_failure(const criu::Event& event) {
  if (std::holds_alternative<criu::TimedOut>(event)) return "CRIU did not come to an end in time";
  if (const auto* died = std::get_if<criu::Died>(&event)) {
    return fmt::format("CRIU ended (status {})", base::exit_code(died->wait_status));
  }
  return criu::first_error(images_->directory() / criu::kDumpLog);
}

void SourceMove::send() {
  clock_.start("send");
  const auto images = images_->files_to_send();
  uint64_t total = 0, done = 0;
  for (const auto& image : images) total += std::filesystem::file_size(image);
  const auto sent = [&](uint64_t bytes) {
    observer_.bytes(done += bytes, total);
    talk_->throw_if_target_failed();
  };
  for (const auto& image : images) {
    wire::FileStart start;
    start.set_kind(wire::FileStart::IMAGE);
    start.set_path(image.filename().string());
    send_file(*talk_, image.string(), std::move(start), sent);
  }
  files_ = process::written_files(process::read_tree(workload_.root));  // some may have been opened since
  for (const auto& path : files_) {
    wire::FileStart start;
    start.set_kind(wire::FileStart::CARRIED);
    start.set_path(path);
    const auto& before = sent_files_[path];
    if (files::hash_prefix(path, before.size) == before.hash) start.set_kept_prefix(before.size);
    send_file(*talk_, path, std::move(start), [](uint64_t) {});
  }
  FAULT_POINT("source.sent");
  walk_->step(SourceEvent::kSent);
}

void SourceMove::restore() {
  clock_.start("restore");
  wire::ToTarget request;
  request.mutable_restore();
  talk_->send(request);
  const auto answer = talk_->receive_from_target(limit_for(report_.memory_bytes), "the restore");
  if (!answer.has_restored()) throw LinkLost(talk_->peer(), "it did not say \"restored\"");
  talk_->throw_if_cancelled();
  FAULT_POINT("source.restored");
}

// The fence. From the journal's fsync on, only the target's word can bring the workload back to life here.
void SourceMove::commit() {
  clock_.start("commit");
  walk_->step(SourceEvent::kRestored);
  talk_->stop_watching();
  FAULT_POINT("source.committed");
  wire::ToTarget grant;
  grant.mutable_grant();
  talk_->send(grant);
  const auto answer = talk_->receive_from_target(kTargetResumes, "\"running\"");
  if (!answer.has_running()) throw LinkLost(talk_->peer(), "it did not say \"running\"");
  const int64_t resumed_at_ns = answer.running().resumed_monotonic_ns() - target_ahead_.monotonic_ns;
  report_.frozen_ms = static_cast<double>(resumed_at_ns - frozen_at_ns_) / 1e6;
  report_.resumed_real_ns = report_.frozen_real_ns + resumed_at_ns - frozen_at_ns_;
  walk_->step(SourceEvent::kRunning);
}

// It lives over there: what is frozen here is only a copy. Its sockets stay in repair mode, so no FIN or RST leaves.
void SourceMove::bury() {
  clock_.start("bury");
  frozen_->kill_all();
  end_criu(true);
  record_as_moved();
  images_->keep_log(criu::kDumpLog, report_.job);
  if (workload_.record) capsule::destroy_capsule(workload_.record->init);
  frozen_.reset();
  freezer_->remove();
  images_.reset();
  wire::ToTarget farewell;
  farewell.mutable_farewell();
  talk_->send(farewell);
}

// Answers the gate that CRIU waits at: the tasks are killed, or released as they were. Never throws: whatever CRIU does, what
// follows must happen.
void SourceMove::end_criu(bool killed) {
  try {
    criu_->answer(killed);
    if (killed) frozen_->thaw_killed();
    const auto event = criu_->run_until("", mono_now() + kCriuEnds);
    if (!std::holds_alternative<criu::Finished>(event)) base::log("criu at the end: {}", criu_failure(event));
  } catch (const std::exception& failure) {
    base::log("criu at the end: {}", failure.what());
  }
  criu_.reset();
}

void SourceMove::record_as_moved() {
  capsule::Record record;
  if (workload_.record) record = *workload_.record;
  record.name = workload_.name;
  record.command = workload_.command;
  record.moved_to = transport::parse_destination(options_.destination).host;
  record.moved_at_ns = base::real_ns();
  record.left_files = files_;
  if (!workload_.record) record.created_ns = record.moved_at_ns;
  capsule::save_record(record);
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

void SourceMove::give_up(const std::exception& failure) {
  explain(failure);
  if (!walk_) return;  // not even begun
  if (walk_->state() == Source::kDone) return finish_burial(failure);
  if (is_before_commit(walk_->state())) {
    clock_.start("abort");
    tell_target_to_abort();
    let_it_run();
    walk_->step(exit_of(failure) == Exit::kCancelled ? SourceEvent::kCancelled : SourceEvent::kFailed);
    return;
  }
  const auto verdict = ask_for_verdict(failure);
  if (!verdict) return leave_in_doubt(failure);
  walk_->step(*verdict);
  if (*verdict == SourceEvent::kNeverRan) return let_it_run();
  report_.result = "moved";
  report_.error = {};
  try {
    bury();
  } catch (const std::exception& untidy) {
    finish_burial(untidy);
  }
}

// It has moved; only the tidying up failed. Whatever is still missing of it must not bring a second copy to life.
void SourceMove::finish_burial(const std::exception& failure) {
  report_.result = "moved";
  report_.error = {};
  observer_.notice(fmt::format("the move succeeded, but not all was tidied up here: {}", failure.what()));
  if (!frozen_) return;
  frozen_->kill_all();
  if (criu_) end_criu(true);
  if (workload_.record) capsule::destroy_capsule(workload_.record->init);
}

void SourceMove::tell_target_to_abort() {
  try {
    talk_->stop_watching();
    wire::ToTarget abort;
    abort.mutable_abort();
    if (!peer_->link.torn()) talk_->send(abort);
  } catch (const Error& gone) {
    base::log("the target was not told: {}", gone.what());
  }
}

// Past the commit only the target's word counts. It has said it already, or it is asked while the link lives: an abort in time
// is answered "never ran", one that is too late with "running".
std::optional<SourceEvent> SourceMove::ask_for_verdict(const std::exception& failure) {
  if (const auto* told = dynamic_cast<const PeerFailure*>(&failure)) {
    if (told->never_ran()) return SourceEvent::kNeverRan;
    return std::nullopt;
  }
  tell_target_to_abort();
  try {
    const auto answer = talk_->receive_from_target(kTargetResumes, "its word on the copy there");
    if (answer.has_running()) return SourceEvent::kRunning;
  } catch (const PeerFailure& told) {
    if (told.never_ran()) return SourceEvent::kNeverRan;
  } catch (const Error& gone) {
    base::log("no word from the target: {}", gone.what());
  }
  return std::nullopt;
}

// CRIU takes its sockets out of repair mode and lets go of the tasks; then they are thawed.
void SourceMove::let_it_run() {
  if (criu_) end_criu(false);
  frozen_.reset();
  if (freezer_ && !workload_.is_capsule()) freezer_->remove();
  images_.reset();
}

void SourceMove::leave_in_doubt(const std::exception& failure) {
  walk_->step(SourceEvent::kFailed);
  frozen_->keep();
  report_.result = "in-doubt";
  report_.error = {fmt::format("{} may be running on {} already", workload_.name, options_.destination),
                   fmt::format("the connection was lost after the commit point ({})", failure.what()),
                   fmt::format("look there with `ferry ps`; the copy here stays frozen and does not run. If it runs "
                               "there, remove this one with `ferry stop {}`", workload_.name),
                   {}, report_.journal};
}

}  // namespace

Report run_source(const MoveOptions& options, const Observer& observer) {
  Report report;
  SourceMove(options, observer, report).run();
  return report;
}

}  // namespace ferry::migration
