// SPDX-License-Identifier: Apache-2.0
#include "migration/target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/fault.h"
#include "base/log.h"
#include "criu/socket_address.h"
#include "handover/gone_connections.h"
#include "kernel/affinity.h"
#include "migration/arrival.h"
#include "migration/check.h"
#include "migration/host.h"
#include "migration/plan.h"
#include "migration/pull_again.h"
#include "migration/resolve.h"
#include "migration/target_move.h"
#include "runtime/launch.h"
#include "transport/lanes.h"

namespace ferry::migration {

using base::milliseconds;
using transport::FrameType;

namespace {

// A source that is alive says something at least this often, except while it dumps a large workload; a dead one
// is noticed by TCP's keepalive much earlier.
constexpr milliseconds kMoverSilence{15 * 60'000};
// From "restored" to the grant the source only writes one line to its journal.
constexpr milliseconds kGrantComes{20'000};
constexpr milliseconds kFarewellComes{30'000};

}  // namespace

bool TargetMove::run() {
  try {
    while (!finished_) serve(talk_.receive(silence_limit(), "the next step"));
  } catch (const LinkLost& lost) {
    end(TargetEvent::kLinkLost, lost);
  } catch (const std::exception& failure) {
    end(TargetEvent::kFailed, failure);
  }
  end_job();
  return walk_ && walk_->state() == Target::kRunning;
}

milliseconds TargetMove::silence_limit() const {
  if (!walk_) return kMoverSilence;
  if (walk_->state() == Target::kRestored) return kGrantComes;
  if (walk_->state() == Target::kRunning) return kFarewellComes;
  return kMoverSilence;
}

void TargetMove::serve(const transport::Frame& frame) {
  if (frame.type == FrameType::kData) {
    if (!incoming_) throw BrokenProtocol("data before the plan");
    FAULT_POINT("target.chunk");
    return incoming_->take(frame.payload);
  }
  if (frame.type == FrameType::kPages) {
    if (!memory_) throw BrokenProtocol("pages that were not announced");
    return memory_->take(frame.payload);
  }
  wire::ToTarget message;
  if (!message.ParseFromString(std::string(frame.text()))) throw BrokenProtocol("a message cannot be read");
  const bool needs_plan = !message.has_plan() && !message.has_clock_probe() && !message.has_inquiry() &&
                          !message.has_abort() && !message.has_settle() &&
                          !message.has_serve_pages();
  if (!walk_ && needs_plan) throw BrokenProtocol("the plan must come first");
  switch (message.kind_case()) {
    case wire::ToTarget::kClockProbe: return answer_clock();
    case wire::ToTarget::kInquiry:
      talk_.send(answer_inquiry(message.inquiry()));
      finished_ = true;
      return;
    case wire::ToTarget::kSettle: return answer_settle(message.settle());
    case wire::ToTarget::kServePages:
      finished_ = true;
      return pull_again(source_, talk_, message.serve_pages());
    case wire::ToTarget::kPlan: return prepare(message.plan());
    case wire::ToTarget::kFile: return incoming_->begin(message.file());
    case wire::ToTarget::kImages: return incoming_->take(message.images());
    case wire::ToTarget::kLaneMark: return answer_mark();
    case wire::ToTarget::kFreeze:
      if (parking_) parking_->stand_by();
      walk_->step(TargetEvent::kFrozen);
      if (place_ && !restore_) start_engine();
      return;
    case wire::ToTarget::kEngineDefine: return define_engine();
    case wire::ToTarget::kEngineStart: return answer_engine_start();
    case wire::ToTarget::kFrozenMemory:
      if (memory_ && restore_ && restore_->reserve() != nullptr) memory_->fill_reserve(*restore_->reserve(), message.frozen_memory());
      return;
    case wire::ToTarget::kFreezeTakenBack:
      walk_->step(TargetEvent::kTakenBack);
      if (memory_) memory_->forget_reserve();
      incoming_->forget_images();
      return FAULT_POINT("target.taken_back");
    case wire::ToTarget::kRestore: return restore(message.restore());
    case wire::ToTarget::kGrant: return resume();
    case wire::ToTarget::kAbort: return abort();
    case wire::ToTarget::kFarewell:
      if (walk_->state() != Target::kRunning) throw BrokenProtocol("a farewell before the end");
      finished_ = true;
      return;
    default: throw BrokenProtocol("an empty message, or one that has no place here");
  }
}

void TargetMove::answer_engine_start() {
  if (!place_ || restore_) throw BrokenProtocol("an engine that is not to be started");
  append_log();
  start_engine();
  wire::ToSource answer;
  auto& waits = *answer.mutable_engine_waits();
  if (engine_files_.by_layer) waits.set_root(engine_files_.root.string());
  if (relay_) {
    waits.mutable_relay()->set_port(relay_->port());
    waits.mutable_relay()->set_key(relay_->key().data(), relay_->key().size());
    waits.mutable_relay()->set_address(handover::ipv4_of(*identity_).address.text());
  }
  talk_.send(answer);
}

void TargetMove::answer_clock() {
  wire::ToSource answer;
  answer.mutable_clock()->set_monotonic_ns(base::mono_ns());
  answer.mutable_clock()->set_boottime_ns(base::clock_ns(CLOCK_BOOTTIME));
  talk_.send(answer);
}

// Pages came on this link: they are stored already.
void TargetMove::answer_mark() {
  if (!memory_) throw BrokenProtocol("a mark without pages");
  memory_->mark();
  wire::ToSource answer;
  answer.mutable_lane_answer();
  talk_.send(answer);
}

// Of an earlier move, cut off past its commit point.
void TargetMove::answer_settle(const wire::Settle& question) {
  capsule::check_name("job-" + question.job());
  finished_ = true;
  wire::ToSource answer;
  *answer.mutable_outcome() = settle_for_source(question.job());
  talk_.send(answer);
}

void TargetMove::restore(const wire::Restore& request) {
  if (!incoming_->is_complete()) throw BrokenProtocol("a file has not come whole");
  walk_->step(TargetEvent::kRestoreAsked);
  FAULT_POINT("target.restoring");
  auto own = earlier_ ? earlier_->left_files : std::vector<std::string>{};
  own.push_back(capsule::log_of(plan_.name()).string());
  incoming_->install(own);
  if (place_) append_log();
  if (memory_) memory_->serve(request);
  if (service_) {  // its sockets can be made of an address only that is here
    service_->will_be_on();
    walk_->journal().note(kNoteService, service_->note());
    service_->put_on();
  }
  if (relay_) change_addresses();
  shared_->serve(images_->directory());
  if (plan_.container().loopback()) restore_->set_loopback();
  restore_->build({plan_.shell_job(), plan_.tcp_close()}, plan_.memory_bytes());
  shared_->require_given({request.shared().begin(), request.shared().end()});
  if (relay_) relay_->know_connections();
  if (memory_) memory_->prefill();
  require_engine();
  FAULT_POINT("target.restored");
  if (place_) {
    walk_->journal().note(kNoteCapsule, to_note(kernel::find_process(restore_->root()).value_or(kernel::ProcessId{})));
  } else {
    walk_->journal().note(kNoteArrival, capsule::to_text(arrival_record()));
  }
  walk_->step(TargetEvent::kBuilt);
  wire::ToSource answer;
  answer.mutable_restored();
  for (const auto& pinned : request.pinned()) pin(pinned, *answer.mutable_restored());
  set_up_sockets(request, *answer.mutable_restored());
  talk_.send(answer);
}

// Its daemon would end, or forget, what it does not know to have begun.
void TargetMove::require_engine() const {
  if (!place_) return;
  const auto& container = place_->container();
  if (!restore_->has_lost_engine() && runtime::oci_engine(container.engine)->is_serving()) return;
  throw base::Error({fmt::format("{} does not wait for {} any more", container.engine, plan_.name()),
                     "it was ended or restarted since it was asked to start it", "move it again", {}, {}});
}

// Behind address translation it has another address here.
void TargetMove::change_addresses() {
  const auto before = handover::ipv4_of(handover::parse_identity(plan_.relay().address(), identity_->mac, "")).address;
  const auto& here = handover::ipv4_of(*identity_).address;
  if (before == here) return;
  (void)criu::change_socket_addresses(images_->directory(), before, here);
}

namespace {

// By the ids that they have in it. How many could not be.
int pin_threads(pid_t root, const std::string& text, const std::vector<pid_t>& inner) {
  const auto cpus = kernel::CpuSet::parse(text);
  int pinned = 0;
  for (const pid_t pid : process::read_tree(root).pids) {
    for (const pid_t tid : kernel::threads_of(pid)) {
      const bool meant = std::ranges::find(inner, kernel::inner_pid(tid).value_or(0)) != inner.end();
      if (meant && kernel::set_affinity(tid, cpus)) ++pinned;
    }
  }
  return static_cast<int>(inner.size()) - pinned;
}

}  // namespace

void TargetMove::pin(const wire::Pinned& pinned, wire::Restored& answer) {
  const std::vector<pid_t> tids(pinned.tids().begin(), pinned.tids().end());
  const int unpinned = place_ ? pin_threads(restore_->root(), pinned.cpus(), tids) : capsule_->pin(pinned.cpus(), tids);
  if (unpinned == 0) return;
  answer.add_warnings(fmt::format("{} of its threads may run on every CPU now: {} has none of the CPUs {}", unpinned, host_name(), pinned.cpus()));
}

// In a container's cgroup CRIU stands too, by its number on this host.
std::vector<pid_t> TargetMove::tasks() const {
  auto pids = freezer_->pids();
  std::erase(pids, restore_->criu().pid);
  return pids;
}

void TargetMove::set_up_sockets(const wire::Restore& request, wire::Restored& answer) {
  if (request.sockets().empty()) return;
  std::map<pid_t, kernel::TaskFds> files;  // by pid as the workload sees it
  for (const pid_t pid : tasks()) files.try_emplace(kernel::inner_pid(pid).value_or(0), pid);
  int incomplete = 0;
  for (const auto& told : request.sockets()) {
    const auto task = files.find(told.pid());
    incomplete += task == files.end() || !process::apply(settings_from(told), task->second);
  }
  if (incomplete == 0) return;
  answer.add_warnings(fmt::format("{} of its sockets lack an option that they had: {} does not take it", incomplete, host_name()));
}

// The point of no return is the journal's line; from here on the workload runs without anyone's help.
void TargetMove::resume() {
  if (parking_) parking_->commit();
  if (!place_) capsule::forget_exit_status(plan_.name());  // of an earlier stay: one that is there later is this one's
  walk_->step(TargetEvent::kGranted);
  FAULT_POINT("target.resuming");
  if (capsule_) capsule_->adopt(plan_.root_pid(), *freezer_);
  if (capsule_) capsule::save_record(arrival_record(), base::Durable::kNo);  // within the pause; the journal has what a crash must not lose
  prepare_relay();
  restore_->let_go([this] {
    FAULT_POINT("target.opening");
    open_gate();
  });
  conclude();
  tell_peers();
  restore_->finish();
  settle_address();
  if (place_) place_->settle_in();
  FAULT_POINT("target.running");
  if (memory_) settle();
}

// Of connections that have ended here.
void TargetMove::tell_peers() {
  if (plan_.ended().empty()) return;
  try {
    if (identity_) handover::tell_peers(netns_.get(), identity_->link, ended_from(plan_));
    if (service_) handover::tell_peers(kernel::open_namespace(::getpid(), "net").get(), service_->here().link, ended_from(plan_));
  } catch (const std::exception& failure) {
    base::log("peers of ended connections: {}", failure.what());  // they hear of it when they next send
  }
}

// The workload runs; those who fill it go on without us, should anything here fail.
void TargetMove::settle() {
  memory_->begin_fill();
  wire::ToSource answer;
  if (memory_->has_far()) {
    answer.mutable_arrived()->set_bytes(memory_->wait_until_arrived());
    talk_.send(answer);
    FAULT_POINT("target.arrived");
  }
  *answer.mutable_settled() = memory_->wait_until_settled();
  talk_.send(answer);
}

// It runs. Nothing that fails from here on changes that.
void TargetMove::conclude() {
  wire::ToSource answer;
  const int64_t now = base::mono_ns();
  answer.mutable_running()->set_resumed_monotonic_ns(now);
  try {
    walk_->journal().note(kNoteResumed, now);
  } catch (const std::exception& failure) {
    base::log("the journal: {}", failure.what());
  }
  walk_->step_if_writable(TargetEvent::kResumed);
  incoming_->keep();
  talk_.send(answer);
  shared_->let_go();
}

// What the sockets acknowledge from here on is kept: CRIU has nothing left to do that could fail. Where a barrier keeps packets
// away, new ones wait until those that came before them are through: parking itself opens it.
void TargetMove::open_gate() {
  if (!gate_) return;
  if (!parking_ || !parking_->opens_gate()) gate_->open();
  if (parking_) parking_->release();
  serve_relay();
  try {
    gate_->announce();
  } catch (const base::SysError& failure) {
    base::log("not announced: {}", failure.what());  // the next packet that it sends tells the segment as well
  }
}

// As when it does not serve: those who come by it see their connections end.
void TargetMove::try_relay(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::exception& failure) {
    base::log("the relay: {}", failure.what());
  }
}

void TargetMove::prepare_relay() {
  if (relay_) try_relay([this] { relay_->wait_until_known(); });
  if (home_) try_relay([this] { home_->adopt(handover::ipv4_of(*identity_).address); });
}

void TargetMove::serve_relay() {
  if (home_) try_relay([this] { home_->end(); });  // what has waited there comes
  if (relay_) try_relay([this] { relay_->serve(restore_->root()); });
}

// Whatever has become of parking. And the host learns whom it will speak to; within the pause many of them would take too long.
void TargetMove::settle_address() {
  if (!gate_) return;
  try {
    if (parking_ && parking_->opens_gate()) gate_->open();
    if (service_) handover::add_unknown_neighbours(service_->here().link, neighbours_from(plan_.service().neighbours()));
  } catch (const base::SysError& failure) {
    base::log("its address: {}", failure.what());
  }
}

capsule::Record TargetMove::arrival_record() const {
  capsule::Record record;
  record.name = plan_.name();
  record.command = plan_.command();
  record.created_ns = base::real_ns();
  record.came_from = plan_.source_host();
  record.init = capsule_->init();
  record.root_pid = plan_.root_pid();
  if (identity_) {
    record.ip = identity_->addresses_text();
    record.mac = identity_->mac.text();
    record.gateway = identity_->gateways_text();
  }
  if (service_) record.service = service_->here().text();
  return record;
}

bool run_target(transport::Accepted& source) { return TargetMove(source).run(); }

}  // namespace ferry::migration
