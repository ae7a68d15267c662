// SPDX-License-Identifier: Apache-2.0
#include "migration/target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/utsname.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "base/fault.h"
#include "base/log.h"
#include "capsule/spawn.h"
#include "criu/doctor.h"
#include "criu/image_set.h"
#include "criu/session.h"
#include "files/staged.h"
#include "handover/identity.h"
#include "migration/conversation.h"
#include "migration/host.h"
#include "migration/journal.h"

namespace ferry::migration {

using base::Error;
using base::milliseconds;
using base::mono_now;
using transport::FrameType;

namespace {

// A source that is alive says something at least this often, except while it dumps a large workload; a dead one
// is noticed by TCP's keepalive much earlier.
constexpr milliseconds kSourceSilence{15 * 60'000};
// From "restored" to the grant the source only writes one line to its journal.
constexpr milliseconds kGrantLimit{20'000};
constexpr milliseconds kRestoreLimit{10 * 60'000};
constexpr milliseconds kCriuStarts{30'000};
constexpr milliseconds kCriuResumes{15'000};
constexpr milliseconds kFarewellLimit{30'000};

class TargetMove {
 public:
  explicit TargetMove(transport::Link& link) : talk_(link, "the source", transport::kNoWake) {}

  bool run() {
    try {
      while (!finished_) serve(talk_.receive(silence_limit(), "the next step"));
    } catch (const LinkLost& lost) {
      end(TargetEvent::kLinkLost, lost);
    } catch (const std::exception& failure) {
      end(TargetEvent::kFailed, failure);
    }
    return walk_ && walk_->state() == Target::kRunning;
  }

 private:
  using StagedFiles = std::map<std::string, files::StagedFile>;

  milliseconds silence_limit() const;
  void serve(const transport::Frame& frame);
  void take_data(std::span<const std::byte> data);
  void answer_clock();
  void prepare(const wire::Plan& plan);
  void check(const wire::Plan& plan);
  void make_capsule();
  void make_port();
  void start_criu();
  StagedFiles::iterator stage(const std::string& path);
  void begin_file(const wire::FileStart& file);
  void restore();
  void resume();
  void let_go();
  void save_arrival_record();
  void end(TargetEvent event, const std::exception& failure);
  void abort();
  void tear_down();
  std::string restore_failure(const criu::Event& event);

  Conversation talk_;
  bool finished_ = false;
  bool may_have_run_ = false;
  wire::Plan plan_;
  std::optional<capsule::Lock> lock_;
  std::optional<capsule::Record> earlier_;  // of the same name, from an earlier stay
  std::optional<Walk<Target, TargetEvent>> walk_;
  std::optional<criu::ImageSet> images_;
  StagedFiles staged_;
  std::map<std::string, wire::FileStart> arrived_;  // the last header of each carried file
  std::optional<handover::Identity> identity_;
  std::optional<handover::Port> port_;
  std::optional<kernel::Freezer> freezer_;
  std::optional<capsule::Capsule> capsule_;
  std::optional<criu::Session> criu_;
  // The file that data frames belong to.
  wire::FileStart file_;
  uint64_t file_left_ = 0;
  base::Fd image_;
};

milliseconds TargetMove::silence_limit() const {
  if (!walk_) return kSourceSilence;
  if (walk_->state() == Target::kRestored) return kGrantLimit;
  if (walk_->state() == Target::kRunning) return kFarewellLimit;
  return kSourceSilence;
}

[[noreturn]] void refuse_message(const std::string& why) {
  throw Error({"the source does not keep to the protocol", why, "", {}, {}});
}

void TargetMove::serve(const transport::Frame& frame) {
  if (frame.type == FrameType::kData) return take_data(frame.payload);
  wire::ToTarget message;
  if (!message.ParseFromString(std::string(frame.text()))) refuse_message("a message cannot be read");
  if (file_left_ > 0) refuse_message(fmt::format("{} ended {} bytes early", file_.path(), file_left_));
  if (!walk_ && !message.has_plan() && !message.has_clock_probe() && !message.has_abort()) {
    refuse_message("the plan must come first");
  }
  switch (message.kind_case()) {
    case wire::ToTarget::kClockProbe: return answer_clock();
    case wire::ToTarget::kPlan: return prepare(message.plan());
    case wire::ToTarget::kFile: return begin_file(message.file());
    case wire::ToTarget::kFreeze: return walk_->step(TargetEvent::kFrozen);
    case wire::ToTarget::kRestore: return restore();
    case wire::ToTarget::kGrant: return resume();
    case wire::ToTarget::kFarewell: finished_ = true; return;
    case wire::ToTarget::kAbort:
      return abort();
    case wire::ToTarget::KIND_NOT_SET: refuse_message("an empty message");
  }
}

// "Never ran" is said only of what is dead and journalled as such. Past the point of no return an abort comes too late.
void TargetMove::abort() {
  if (walk_ && walk_->state() >= Target::kResuming) return;
  tear_down();
  if (walk_) walk_->step(TargetEvent::kAbortAsked);
  finished_ = true;
  wire::ToSource message;
  *message.mutable_failure() = to_failure(Cancelled(), true);
  talk_.send(message);
}

void TargetMove::answer_clock() {
  wire::ToSource answer;
  answer.mutable_clock()->set_monotonic_ns(base::clock_ns(CLOCK_MONOTONIC));
  answer.mutable_clock()->set_boottime_ns(base::clock_ns(CLOCK_BOOTTIME));
  talk_.send(answer);
}

void TargetMove::check(const wire::Plan& plan) {
  capsule::check_name(plan.name());
  capsule::check_name(plan.job().empty() ? "" : "j" + plan.job());  // it becomes part of paths
  if (plan.source_id() == host_id()) {
    base::refuse(fmt::format("cannot move {} to where it is", plan.name()), "source and target are the same host",
                 "name another host");
  }
  utsname names{};
  ::uname(&names);
  if (plan.machine() != names.machine) {
    base::refuse(fmt::format("cannot run {} here", plan.name()),
                 fmt::format("it runs on {}, this host is {}", plan.machine(), names.machine));
  }
  if (plan.root_pid() <= 1 || plan.last_pid() <= 1) refuse_message("impossible pids");
  earlier_ = capsule::find_record(plan.name());
  if (earlier_ && capsule::is_running(*earlier_)) {
    base::refuse(fmt::format("cannot receive {}", plan.name()), "a workload of that name runs here already",
                 fmt::format("stop that one (`ferry stop {}`), or move under another name (`--name`)", plan.name()));
  }
}

void TargetMove::prepare(const wire::Plan& plan) {
  if (walk_) refuse_message("a second plan");
  plan_ = plan;
  check(plan);
  lock_ = capsule::Lock::take(plan.name(), "receive");
  walk_.emplace(Target::kPreparing,
                Journal::create(Role::kTarget, {plan.job(), plan.name(), plan.source_host()}));
  FAULT_POINT("target.preparing");
  images_.emplace(plan.job(), plan.memory_bytes());
  std::filesystem::create_directories(capsule::directory_of(plan.name()));
  for (const auto& file : plan.files()) stage(file.path());
  make_capsule();
  if (plan.has_identity()) make_port();
  start_criu();
  walk_->step(TargetEvent::kPrepared);
  FAULT_POINT("target.ready");
  wire::ToSource answer;
  answer.mutable_ready()->set_host(host_name());
  talk_.send(answer);
}

void TargetMove::make_capsule() {
  capsule::Spec spec;
  spec.name = plan_.name();
  spec.own_network = plan_.has_identity();
  spec.last_pid = plan_.last_pid();
  const auto ours = kernel::own_time_offsets();
  spec.time_offsets = {ours.monotonic_ns + plan_.monotonic_shift_ns(), ours.boottime_ns + plan_.boottime_shift_ns()};
  freezer_ = kernel::Freezer::create(plan_.name());
  capsule_ = capsule::Capsule::start(spec);
}

void TargetMove::make_port() {
  const auto& told = plan_.identity();
  identity_ = handover::Identity{kernel::IpPrefix::parse(told.address()), kernel::MacAddr::parse(told.mac()), {}};
  if (!told.gateway().empty()) identity_->gateway = kernel::IpAddr::parse(told.gateway());
  const auto netns = kernel::open_namespace(capsule_->init().pid, "net");
  port_ = handover::Port::create(netns.get(), plan_.name(), *identity_);
  std::vector<handover::KnownNeighbour> neighbours;
  for (const auto& one : told.neighbours()) {
    neighbours.push_back({kernel::IpAddr::parse(one.address()), kernel::MacAddr::parse(one.mac())});
  }
  handover::put_neighbours(netns.get(), neighbours);
}

// Ahead of the freeze: CRIU's start is no part of the pause. It starts in the workload's cgroup, and so do the tasks.
void TargetMove::start_criu() {
  base::SpawnOptions options;
  options.in_child = [this] { freezer_->add(0); };
  criu_ = criu::Session::start(criu::Installation::find(), capsule_->namespaces(), options);
  criu_->warm_up(mono_now() + kCriuStarts);
}

TargetMove::StagedFiles::iterator TargetMove::stage(const std::string& path) {
  if (!path.starts_with('/')) refuse_message("an open file without an absolute path");
  const auto found = staged_.find(path);
  if (found != staged_.end()) return found;
  return staged_.emplace(path, files::StagedFile(path, plan_.job())).first;
}

void TargetMove::begin_file(const wire::FileStart& file) {
  file_ = file;
  if (file.kept_prefix() > file.size()) refuse_message("a file is shorter than its beginning");
  file_left_ = file.size() - file.kept_prefix();
  if (file.kind() == wire::FileStart::CARRIED) {
    const auto found = stage(file.path());  // not in the plan: opened since
    found->second.begin(file.kept_prefix());
    arrived_[file.path()] = file;
    return;
  }
  const bool plain = !file.path().empty() && file.path().find('/') == std::string::npos && file.path()[0] != '.';
  if (!plain) refuse_message(fmt::format("\"{}\" is no image's name", file.path()));
  image_ = base::open_file(images_->directory() / file.path(), O_WRONLY | O_CREAT | O_EXCL, 0600);
}

void TargetMove::take_data(std::span<const std::byte> data) {
  if (data.size() > file_left_) refuse_message("more data than was announced");
  FAULT_POINT("target.chunk");
  if (file_.kind() == wire::FileStart::CARRIED) {
    staged_.at(file_.path()).append(data);
  } else {
    base::write_full(image_.get(), data);
  }
  file_left_ -= data.size();
}

void TargetMove::restore() {
  walk_->step(TargetEvent::kRestoreAsked);
  FAULT_POINT("target.restoring");
  for (auto& [path, file] : staged_) {
    const auto& header = arrived_[path];
    const bool own = path == capsule::log_of(plan_.name()) ||
                     (earlier_ && std::ranges::find(earlier_->left_files, path) != earlier_->left_files.end());
    file.install(header.size(), {header.mode(), header.uid(), header.gid(), header.mtime_ns()}, own);
  }
  auto request = criu::restore_request(images_->link());
  request.mutable_opts()->set_shell_job(plan_.shell_job());
  request.mutable_opts()->set_tcp_close(plan_.tcp_close());
  criu_->request(request);
  const auto event = criu_->run_until("post-restore", mono_now() + kRestoreLimit);
  if (!std::holds_alternative<criu::Notified>(event)) {
    throw Error({fmt::format("cannot restore {}", plan_.name()), restore_failure(event), "", {},
                 images_->keep_log(criu::kRestoreLog, plan_.job())});
  }
  FAULT_POINT("target.restored");
  walk_->step(TargetEvent::kBuilt);
  wire::ToSource answer;
  answer.mutable_restored();
  talk_.send(answer);
}

std::string TargetMove::restore_failure(const criu::Event& event) {
  if (std::holds_alternative<criu::TimedOut>(event)) return "CRIU did not come to an end in time";
  return criu::first_error(images_->directory() / criu::kRestoreLog);
}

// The point of no return is the journal's line; from here on the workload runs without anyone's help.
void TargetMove::resume() {
  walk_->step(TargetEvent::kGranted);
  FAULT_POINT("target.resuming");
  capsule_->adopt(plan_.root_pid(), *freezer_);
  save_arrival_record();
  if (port_) {
    port_->open();
    handover::announce(kernel::open_namespace(capsule_->init().pid, "net").get(), *identity_);
  }
  criu_->answer(true);
  let_go();
  wire::ToSource answer;
  answer.mutable_running()->set_resumed_monotonic_ns(base::clock_ns(CLOCK_MONOTONIC));
  criu_->answer(true);
  walk_->step(TargetEvent::kResumed);
  for (auto& [path, file] : staged_) file.keep();
  talk_.send(answer);
  if (!std::holds_alternative<criu::Finished>(criu_->run_until("", mono_now() + kCriuResumes))) {
    base::log("criu did not end well after the resume");
  }
  images_->keep_log(criu::kRestoreLog, plan_.job());
  criu_.reset();
}

// From CRIU's gate to running tasks. Until we answer its pre-resume the tasks are held (criu/cr-restore.c:
// finalize_restore_detach comes after), so a failure before that leads back to the source.
void TargetMove::let_go() {
  for (const char* point : {"pre-resume", "post-resume"}) {
    const auto event = criu_->run_until(point, mono_now() + kCriuResumes);
    if (!std::holds_alternative<criu::Notified>(event)) {
      throw Error({fmt::format("cannot resume {}", plan_.name()), restore_failure(event), "", {},
                   images_->keep_log(criu::kRestoreLog, plan_.job())});
    }
    if (point == std::string_view("post-resume")) return;
    may_have_run_ = true;
    criu_->answer(true);
  }
}

void TargetMove::save_arrival_record() {
  capsule::Record record;
  record.name = plan_.name();
  record.command = plan_.command();
  record.created_ns = base::real_ns();
  record.came_from = plan_.source_host();
  record.init = capsule_->init();
  record.root_pid = plan_.root_pid();
  if (identity_) {
    record.ip = identity_->address.text();
    record.mac = identity_->mac.text();
    if (identity_->gateway) record.gateway = identity_->gateway->text();
  }
  capsule::forget_exit_status(record.name);
  capsule::save_record(record, base::Durable::kNo);  // within the pause; the journal has what a crash must not lose
}

void TargetMove::end(TargetEvent event, const std::exception& failure) {
  fmt::print(stderr, "ferry: {}\n", failure.what());  // reaches the source through SSH, should the link be broken
  if (walk_) {
    // A bound of ours in a state where the peer's silence must not matter changes nothing there.
    const bool runs = walk_->state() == Target::kRunning;
    if (runs) return;
    if (walk_->state() == Target::kResuming) event = TargetEvent::kFailed;
  }
  // What may have run an instruction is not killed and not denied: nobody but a person can say more (the source stays frozen).
  if (may_have_run_) {
    for (auto& [path, file] : staged_) file.keep();
  } else {
    tear_down();
    if (walk_) walk_->step(event);
  }
  auto told = to_failure(failure, !may_have_run_);
  told.set_host(host_name());
  wire::ToSource message;
  *message.mutable_failure() = told;
  try {
    talk_.send(message);
    // What the source has sent meanwhile is taken and dropped, so that it comes to read this.
    for (;;) (void)talk_.receive(kGrantLimit, "the end");
  } catch (const std::exception& gone) {
    base::log("the source has gone: {}", gone.what());
  }
}

void TargetMove::tear_down() {
  if (images_) images_->keep_log(criu::kRestoreLog, plan_.job());
  // All killed at once, CRIU reaped, and only then waited for: a pid namespace does not end before our child in it is reaped.
  if (capsule_) kernel::signal_process(capsule_->init(), SIGKILL);
  criu_.reset();
  if (capsule_) capsule_->destroy();
  capsule_.reset();
  if (freezer_) freezer_->remove();
  staged_.clear();
  images_.reset();
  // Nothing that this move brought stays: neither the record nor the directory, unless they were here before.
  if (!plan_.name().empty() && walk_) {
    if (earlier_) {
      capsule::save_record(*earlier_);
    } else {
      capsule::remove_record(plan_.name());
    }
  }
}

}  // namespace

bool run_target(transport::Link& link) { return TargetMove(link).run(); }

}  // namespace ferry::migration
