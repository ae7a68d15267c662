// SPDX-License-Identifier: Apache-2.0
#include "migration/container_source.h"

#include <fmt/format.h>

#include "base/fault.h"
#include "base/log.h"
#include "kernel/exec_mark.h"
#include "migration/container_check.h"
#include "migration/host.h"
#include "migration/plan.h"
#include "migration/resolve.h"
#include "process/tree.h"
#include "runtime/oci.h"

namespace ferry::migration {

using base::milliseconds;

namespace {

constexpr milliseconds kTargetPrepares{30'000};
constexpr milliseconds kTargetLoads{30 * 60'000};     // an image of some GB onto a slow disk
constexpr milliseconds kTargetResumes{30 * 60'000};   // docker.cc: kDaemonAnswers

}  // namespace

bool names_container(const std::string& what) {
  const auto colon = what.find(':');
  return colon != std::string::npos && !what.starts_with("pid:") && !runtime::Oci::knows(what.substr(0, colon));
}

void ContainerSource::run() {
  try {
    prepare();
    copy();
    freeze();
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

void ContainerSource::prepare() {
  clock_.start("prepare");
  report_.source = host_name();
  report_.job = new_job_id();
  name_ = runtime::parse_container(options_.what).value();
  report_.engine = name_.engine;
  const auto lock = runtime::lock_name(name_);
  lock_ = capsule::Lock::take(lock, "move", report_.job);
  for (const auto& one : finish_earlier_jobs(lock)) {
    observer_.notice(fmt::format("an earlier move of {} was cut off ({}): {}", one.name, one.found, one.done));
  }
  find_container();
  connect();
  FAULT_POINT("source.connected");
  open_journal();
  target_ahead_ = measure_clocks(*talk_);
  offer();
  FAULT_POINT("source.prepared");
  walk_->step(SourceEvent::kReady);
}

void ContainerSource::find_container() {
  copy_.emplace(ContainerNote{name_, "", "ferry-" + report_.job, "", {}, options_.keep_source});
  container_ = require_container(copy_->engine(), name_);
  report_.tcp = {name_of(options_.tcp), count_connections(container_)};
  refuse_if_any(name_.text(), container_reasons(copy_->engine(), container_, options_.tcp));
  copy_->note().id = container_.id;
  report_.name = name_.text();
  report_.memory_bytes = process::memory_bytes(process::read_tree(container_.root_pid));
}

void ContainerSource::connect() {
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

// From here on whatever happens to this process, the job can be finished by another one.
void ContainerSource::open_journal() {
  const auto peer = transport::parse_destination(options_.destination).host;
  auto journal = Journal::create(Role::kSource, {report_.job, name_.text(), peer, runtime::lock_name(name_)});
  report_.journal = journal.path().string();
  journal.note(kNoteContact, contact_note(options_));
  walk_.emplace(Source::kPreparing, std::move(journal));
  note_copy();
  guard_.emplace(Role::kSource, report_.job);
}

void ContainerSource::note_copy() { walk_->journal().note(kNoteContainer, to_note(copy_->note())); }

void ContainerSource::offer() {
  wire::ToTarget message;
  auto& plan = *message.mutable_container_plan();
  plan = make_container_plan(copy_->engine(), name_, container_);
  plan.set_job(report_.job);
  plan.set_checkpoint(copy_->note().checkpoint);
  talk_->send(message);
  const auto answer = talk_->receive_from_target(kTargetPrepares, "its preparations");
  if (!answer.has_container_ready()) throw BrokenProtocol("it did not answer the plan");
  there_ = answer.container_ready();
  report_.target = there_.host();
  for (const auto& warning : there_.warnings()) observer_.notice(fmt::format("on {}: {}", report_.target, warning));
}

// Everything that can be done while it runs.
void ContainerSource::copy() {
  clock_.start("copy");
  if (there_.needs_image()) send_image();
  wire::ToTarget create;
  create.mutable_container_create();
  talk_->send(create);
  const auto answer = talk_->receive_from_target(kTargetLoads, "the container");
  if (!answer.has_ready()) throw BrokenProtocol("it did not make the container");
  send_log();
  talk_->throw_if_cancelled();
  FAULT_POINT("source.before_freeze");
  walk_->step(SourceEvent::kCopied);
}

SentBytes ContainerSource::count_sent() {
  return [this](uint64_t bytes) {
    sent_ += bytes;
    observer_.bytes(sent_, sent_);
  };
}

void ContainerSource::send_image() {
  observer_.notice(fmt::format("{} has no image {}: sending it", report_.target, container_.image_name));
  send_output(*talk_, wire::ContainerPart::IMAGE, copy_->engine().save_image_command(container_, there_.image_by_name()), count_sent());
}

void ContainerSource::freeze() {
  wire::ToTarget notice;
  notice.mutable_freeze();
  talk_->send(notice);
  forbid_restarts();
  clock_.start("freeze");  // the engine's checkpoint begins with it
  frozen_at_ns_ = base::mono_ns();
  report_.frozen_real_ns = base::real_ns();
  clock_.start("dump");
  copy_->engine().checkpoint(container_.id, copy_->note().checkpoint);
  if (copy_->look() != ContainerCopy::State::kStopped) {
    throw base::Error({fmt::format("{} does not stop", name_.text()), "it ran on after its checkpoint", "", {}, {}});
  }
  FAULT_POINT("source.frozen");
  walk_->step(SourceEvent::kFrozen);
  FAULT_POINT("source.dumped");
  talk_->throw_if_cancelled();
  walk_->step(SourceEvent::kDumped);
}

// With a policy of "always", the engine would start it afresh as soon as its checkpoint has stopped it.
void ContainerSource::forbid_restarts() {
  const auto mark = kernel::exec_mark_of(container_.root_pid);
  if (!mark) throw base::Error({fmt::format("cannot move {}", name_.text()), "its first process has just ended", "", {}, {}});
  copy_->note().exec_mark = *mark;
  copy_->note().restarts = copy_->engine().restart_policy(container_.configuration);
  note_copy();
  copy_->engine().set_restart_policy(container_.id, {});
}

void ContainerSource::send() {
  clock_.start("send");
  const auto directory = copy_->engine().checkpoint_directory(container_.id, copy_->note().checkpoint);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    send_content(*talk_, wire::ContainerPart::CHECKPOINT, entry.path(), 0, count_sent());
  }
  send_layer();
  send_log();
  FAULT_POINT("source.sent");
  walk_->step(SourceEvent::kSent);
}

// Whiteouts are character devices, opaque directories have an attribute: tar takes both.
void ContainerSource::send_layer() {
  const auto layer = copy_->engine().writable_layer(container_.id);
  if (layer.empty()) return;
  send_output(*talk_, wire::ContainerPart::LAYER,
              {"tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sparse", "-C", layer.string(), "-cf", "-", "."}, count_sent());
}

void ContainerSource::send_log() {
  std::error_code none;
  if (container_.log.empty() || !std::filesystem::exists(container_.log, none)) return;
  log_sent_ = send_content(*talk_, wire::ContainerPart::LOG, container_.log, log_sent_, count_sent());
}

void ContainerSource::restore() {
  clock_.start("restore");
  wire::ToTarget request;
  request.mutable_container_restore()->set_exec_mark(copy_->note().exec_mark);
  talk_->send(request);
  const auto answer = talk_->receive_from_target(kTargetLoads, "its preparations for the restore");
  if (!answer.has_restored()) throw BrokenProtocol("it did not answer \"restored\"");
  FAULT_POINT("source.restored");
  talk_->throw_if_cancelled();
}

// The fence. From the journal's fsync on, only the target's word can bring the container back to life here.
void ContainerSource::commit() {
  clock_.start("commit");
  walk_->step(SourceEvent::kRestored);
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

void ContainerSource::note_running(int64_t resumed_monotonic_ns) {
  const int64_t pause_ns = resumed_monotonic_ns - target_ahead_.monotonic_ns - frozen_at_ns_;
  report_.frozen_ms = static_cast<double>(pause_ns) / 1e6;
  report_.resumed_real_ns = report_.frozen_real_ns + pause_ns;
  report_.result = "moved";
}

// It lives over there: what has stopped here is only a copy.
void ContainerSource::end_here() {
  clock_.start("bury");
  try {
    copy_->end_here();
  } catch (const std::exception& untidy) {
    observer_.notice(fmt::format("the move succeeded, but not all was tidied up here: {}", untidy.what()));
  }
  end_job();
  wire::ToTarget farewell;
  farewell.mutable_farewell();
  try {
    talk_->send(farewell);
  } catch (const std::exception& gone) {
    base::log("no farewell: {}", gone.what());
  }
}

Report run_container_source(const MoveOptions& options, const Observer& observer) {
  Report report;
  ContainerSource(options, observer, report).run();
  return report;
}

}  // namespace ferry::migration
