// SPDX-License-Identifier: Apache-2.0
#include "migration/source.h"

#include <fmt/format.h>

#include <thread>

#include "base/fault.h"
#include "base/log.h"
#include "criu/written_files.h"
#include "migration/host.h"
#include "migration/resolve.h"
#include "migration/source_move.h"

namespace ferry::migration {

using base::milliseconds;

namespace {

constexpr milliseconds kTargetPrepares{30'000};
constexpr milliseconds kTargetResumes{3'000};  // grant to running; 15 ms is usual. Later it is asked on a new connection
// A server that cannot accept those that wait in so much time, so many times, never will: not a matter of the moment.
constexpr int kDumpTries = 5;
constexpr milliseconds kAccepts{200};
constexpr milliseconds kBetweenDumps{50};
constexpr milliseconds kCancelPoll{10};

}  // namespace

void SourceMove::run() {
  try {
    prepare();
    copy();
    freeze();
    dump();
    send();
    restore();
    commit();
  } catch (const std::exception& failure) {
    give_up(failure);
  }
  if (report_.result == "moved") end_here();
  clock_.stop();
  report_.phases = clock_.phases();
  report_.total_ms = clock_.elapsed_ms();
  if (peer_) report_.bytes_sent = peer_->link.bytes_sent();
}

void SourceMove::prepare() {
  clock_.start("prepare");
  report_.source = host_name();
  report_.job = new_job_id();
  lock_ = capsule::Lock::take(runtime::lock_name(options_.what), "move", report_.job);
  finish_earlier_jobs();
  subject_ = find_subject(options_.what, options_.arrival_name, options_.tcp_close);
  report_.name = subject_.workload.name;
  report_.memory_bytes = subject_.memory_bytes;
  connect();
  FAULT_POINT("source.connected");
  open_journal();
  target_ahead_ = measure_clocks(*talk_);
  images_.emplace(report_.job, report_.memory_bytes);
  wire::ToTarget message;
  *message.mutable_plan() = make_plan(subject_, report_.job, target_ahead_);
  talk_->send(message);
  const auto answer = talk_->receive_from_target(kTargetPrepares, "its preparations");
  report_.target = answer.ready().host();
  for (const auto& warning : answer.ready().warnings()) observer_.notice(fmt::format("on {}: {}", report_.target, warning));
  FAULT_POINT("source.prepared");
  walk_->step(SourceEvent::kReady);
}

void SourceMove::finish_earlier_jobs() {
  for (const auto& one : migration::finish_earlier_jobs(runtime::lock_name(options_.what))) {
    observer_.notice(fmt::format("an earlier move of {} was cut off ({}): {}", one.name, one.found, one.done));
  }
}

// From here on whatever happens to this process, the job can be finished by another one.
void SourceMove::open_journal() {
  const std::string lock = runtime::lock_name(options_.what);
  auto journal = Journal::create(Role::kSource, {report_.job, report_.name, transport::parse_destination(options_.destination).host, lock});
  report_.journal = journal.path().string();
  journal.note(kNoteContact, contact_note(options_));
  journal.note(kNoteWorkload, workload_note(subject_.workload));
  walk_.emplace(Source::kPreparing, std::move(journal));
  guard_.emplace(Role::kSource, report_.job);
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

// Everything that can be sent while the workload runs: without the memory plane, its open files. CRIU is made ready: its start and
// its probes of the kernel are no part of the pause.
void SourceMove::copy() {
  clock_.start("copy");
  send_workload_files();
  freezer_ = kernel::Freezer::create(Frozen::cgroup_name(subject_.workload));
  start_criu();
  talk_->throw_if_cancelled();
  FAULT_POINT("source.before_freeze");
  walk_->step(SourceEvent::kCopied);
}

void SourceMove::start_criu() {
  dump_.emplace(subject_.workload, subject_.state, *images_, report_.job, *freezer_);
  origins_ = Frozen::origins_of(subject_.workload);
  walk_->journal().note(kNoteCriu, to_note(dump_->criu()));
  walk_->journal().note(kNoteOrigins, origins_note(origins_));
}

// What was sent before and still holds by its hash is not sent again.
void SourceMove::send_workload_files() {
  for (const auto& path : subject_.files) {
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
}

void SourceMove::freeze() {
  clock_.start("freeze");
  wire::ToTarget notice;
  notice.mutable_freeze();
  talk_->send(notice);
  stop_workload();
  FAULT_POINT("source.frozen");
  walk_->step(SourceEvent::kFrozen);
}

void SourceMove::stop_workload(milliseconds accepts) {
  frozen_at_ns_ = base::clock_ns(CLOCK_MONOTONIC);
  report_.frozen_real_ns = base::real_ns();
  frozen_.emplace(subject_.workload, *freezer_, origins_, accepts);
}

void SourceMove::dump() {
  clock_.start("dump");
  for (int tries_left = kDumpTries - 1;; --tries_left) {
    try {
      dump_->run(report_.memory_bytes);
      break;
    } catch (const TransientFailure& failure) {
      if (tries_left == 0) throw;
      observer_.notice(fmt::format("{}: tried again", failure.explanation().why));
    }
    let_it_run_a_moment();
  }
  frozen_->freeze_again();
  FAULT_POINT("source.dumped");
  talk_->throw_if_cancelled();
  walk_->step(SourceEvent::kDumped);
}

// What was in CRIU's way may be gone then. The state stays "dumping", which promises the target nothing and leads back to
// a workload that runs here, whoever ends the move.
void SourceMove::let_it_run_a_moment() {
  clock_.start("retry");
  dump_.reset();
  frozen_->give_back();
  frozen_.reset();
  images_->clear();
  start_criu();
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
  subject_.files = criu::written_files(images_->directory());  // some may be new since
  send_workload_files();
  walk_->journal().note(kNoteLeaves, subject_.files);
  FAULT_POINT("source.sent");
  walk_->step(SourceEvent::kSent);
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
  talk_->send(request);
  const auto answer = talk_->receive_from_target(state_limit(report_.memory_bytes), "the restore");
  if (!answer.has_restored()) throw BrokenProtocol("it did not answer \"restored\"");
  for (const auto& warning : answer.restored().warnings()) observer_.notice(warning);
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
  const auto answer = talk_->receive_from_target(kTargetResumes, "\"running\"");
  if (!answer.has_running()) throw BrokenProtocol("it did not answer \"running\"");
  note_running(answer.running().resumed_monotonic_ns());
  walk_->step(SourceEvent::kRunning);
  FAULT_POINT("source.done");
}

void SourceMove::note_running(int64_t resumed_monotonic_ns) {
  const int64_t pause_ns = resumed_monotonic_ns - target_ahead_.monotonic_ns - frozen_at_ns_;
  report_.frozen_ms = static_cast<double>(pause_ns) / 1e6;
  report_.resumed_real_ns = report_.frozen_real_ns + pause_ns;
  report_.result = "moved";
}

// It lives over there: what is frozen here is only a copy.
void SourceMove::end_here() {
  clock_.start("bury");
  const auto kill = [this](const auto& thaw) { dump_->kill(thaw); };
  const std::string untidy = bury(subject_.workload, *frozen_, *freezer_, {report_.target, subject_.files, kill});
  if (!untidy.empty()) observer_.notice(fmt::format("the move succeeded, but not all was tidied up here: {}", untidy));
  images_.reset();
  end_job();
  wire::ToTarget farewell;
  farewell.mutable_farewell();
  try {
    talk_->send(farewell);
  } catch (const std::exception& gone) {
    base::log("no farewell: {}", gone.what());
  }
}

Report run_source(const MoveOptions& options, const Observer& observer) {
  Report report;
  SourceMove(options, observer, report).run();
  return report;
}

}  // namespace ferry::migration
