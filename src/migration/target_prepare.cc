// SPDX-License-Identifier: Apache-2.0
//
// Until it is ready: the plan is judged, and the place is made where the workload will be.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/fault.h"
#include "base/log.h"
#include "handover/address_diversion.h"
#include "handover/attachment.h"
#include "handover/relay_registry.h"
#include "migration/check.h"
#include "migration/common_files.h"
#include "migration/engine_criu.h"
#include "migration/host.h"
#include "migration/plan.h"
#include "migration/resolve.h"
#include "migration/target_move.h"
#include "runtime/launch.h"
#include "runtime/podman.h"
#include "transport/lanes.h"

namespace ferry::migration {

namespace {

constexpr base::milliseconds kParkingComes{5'000};
constexpr base::milliseconds kRelayEnds{3'000};
constexpr base::milliseconds kRelayPoll{20};
constexpr uint64_t kMostMemory = uint64_t{1} << 46;  // 64 TiB: the most that x86-64 Linux takes with 4-level page tables

std::string name_of(const wire::EngineContainer& told) {
  return fmt::format("{}:{}", told.engine(), told.name().empty() ? told.id() : told.name());
}

int lanes_of(const wire::MemoryPlan& plan) {
  if (plan.lanes() < 0 || plan.lanes() > transport::kMostLanes) throw BrokenProtocol("an impossible number of lanes");
  return plan.lanes();
}

}  // namespace

void TargetMove::prepare(const wire::Plan& plan) {
  base::prepare_to_throw();
  if (walk_) throw BrokenProtocol("a second plan");
  if (!plan.has_container()) capsule::check_name(plan.name());
  if (plan.has_container() && plan.name() != name_of(plan.container())) throw BrokenProtocol("an impossible name");
  const auto lock = runtime::lock_name(plan.name());
  capsule::check_name("job-" + plan.job());  // both become part of paths
  refuse_if_any(plan.name(), to_itself(plan.source_id()));  // else the source's own lock would be in the way
  lock_ = capsule::Lock::take(lock, "receive", plan.job());
  // First: what a killed ferry has left is no reason against this move.
  for (const auto& one : finish_earlier_jobs(lock)) base::log("{}: {}: {}", one.job, one.found, one.done);
  if (plan.has_container()) engine_in_force_.emplace(plan.container().engine(), environment_of(plan.container()));
  const auto warnings = check(plan);
  if (!plan.has_container()) require_free_name(plan.name());
  if (plan.has_service() && plan.has_identity()) throw BrokenProtocol("two kinds of addresses");
  plan_ = plan;
  open_journal();
  FAULT_POINT("target.preparing");
  find_way_home();
  images_.emplace(plan.job(), plan.image_bytes());
  if (!plan.has_container()) std::filesystem::create_directories(capsule::directory_of(plan.name()));  // its log comes there
  // A container's memory cgroup is there to be charged with what its tasks share, too.
  shared_.emplace(plan.has_container() ? criu::SharedAnswer::kCopy : criu::SharedAnswer::kTake);
  incoming_.emplace(images_->directory(), plan.job(), *shared_, [this](const std::string& path, uint64_t inode) {
    walk_->journal().note(kNoteStaged, {{"path", path}, {"inode", inode}});
  });
  const auto common = common_files(plan.requirements());
  for (const auto& file : plan.files()) {
    if (!common.contains(file.path())) incoming_->expect(file.path());
  }
  if (plan.has_service()) make_service();
  if (plan.has_container()) {
    make_place();
  } else {
    make_capsule();
    if (plan.has_identity()) {
      take_identity();
      attachment_ = handover::attachment_of(plan.name(), *identity_);
      make_port();
    }
    restore_.emplace(plan.name(), plan.job(), *images_, capsule_->namespaces(), *freezer_, pages());
    walk_->journal().note(kNoteCriu, to_note(restore_->criu()));
  }
  if (plan.has_memory()) memory_.emplace(plan, images_->directory());
  walk_->step(TargetEvent::kPrepared);
  FAULT_POINT("target.ready");
  wire::ToSource answer;
  if (plan.parking()) answer.mutable_ready()->set_no_parking(make_parking());
  answer.mutable_ready()->set_host(host_name());
  if (const auto engine = runtime::defining_engine(plan.container().engine())) {
    answer.mutable_ready()->set_needs_image(!engine->has_image(plan.container().image_id()));
  }
  if (place_) {
    for (const auto& path : place_->present_binds(plan_.container())) answer.mutable_ready()->add_present(path);
  }
  for (const auto& path : common) answer.mutable_ready()->add_present(path);
  for (const auto& warning : warnings) answer.mutable_ready()->add_warnings(warning);
  talk_.send(answer);
  if (parking_device_) accept_parking();
  if (memory_) memory_->expect_lanes(source_.listener, source_.key, lanes_of(plan.memory()));
}

// From here on whatever happens to this process, the job can be finished by another one.
void TargetMove::open_journal() {
  auto journal = Journal::create(Role::kTarget, {plan_.job(), plan_.name(), plan_.source_host(), runtime::lock_name(plan_.name())});
  if (earlier_) journal.note(kNoteEarlier, capsule::to_text(*earlier_));
  walk_.emplace(Target::kPreparing, std::move(journal));
  guard_.emplace(Role::kTarget, plan_.job());
}

// Everything that stands in the way, told at once; nothing is touched yet. What this host could lose or give away meanwhile (the name,
// the address) is asked again by those who take it.
std::vector<std::string> TargetMove::check(const wire::Plan& plan) {
  const bool impossible = plan.has_container() ? plan.root_pid() != 1 : plan.root_pid() <= 1 || plan.last_pid() <= 1;
  if (impossible) throw BrokenProtocol("impossible pids");
  if (plan.memory_bytes() > kMostMemory || plan.image_bytes() > kMostMemory) throw BrokenProtocol("an impossible amount of memory");
  auto findings = plan.has_container() ? look_here(plan.container(), plan.source_id(), plan.requirements())
                                       : look_here(plan.name(), plan.source_id(), plan.requirements());
  refuse_if_any(plan.name(), findings.reasons);
  return findings.warnings;
}

void TargetMove::require_free_name(const std::string& name) {
  earlier_ = capsule::find_record(name);
  if (!earlier_ || !capsule::is_running(*earlier_)) return;
  base::refuse(fmt::format("cannot receive {}", name), "a workload of that name runs here already",
               fmt::format("stop that one (`ferry stop {}`); a bare process can also move under another name (`--name`)",
                           name));
}

criu::Pages TargetMove::pages() const { return plan_.has_memory() ? criu::Pages::kOnDemand : criu::Pages::kFromImages; }

void TargetMove::make_place() {
  place_.emplace(plan_);
  walk_->journal().note(kNotePlace, place_->note());
  place_->make_binds();
  place_->make_bundle(plan_.container().configuration());
  if (place_->network()) netns_ = place_->network()->make();
  if (!plan_.has_identity()) return;
  take_identity();
  attachment_ = *place_->network()->attachment();
  if (!place_->network()->is_by_engine()) make_port();
}

// The engine makes the container, and does not start it; what that needs has come before. The source copies its files into it.
void TargetMove::define_engine() {
  const auto& told = plan_.container();
  const auto engine = runtime::defining_engine(told.engine());
  if (!place_ || !engine || !incoming_->is_complete()) throw BrokenProtocol("a definition that was not announced");
  if (!engine->has_image(told.image_id())) {
    throw base::Error({fmt::format("{} has not kept the image {}", told.engine(), told.image_name()),
                       fmt::format("there is none of the content {} here", told.image_id()),
                       fmt::format("use the same version of {} on both hosts", told.engine()), {}, {}});
  }
  engine->give_name({told.image_id(), told.image_name()});
  if (!engine->has_daemon()) free_ports();
  place_->will_be_defined();
  walk_->journal().note(kNotePlace, place_->note());
  place_->define(told, *images_);
  FAULT_POINT("target.created");
  walk_->journal().note(kNotePlace, place_->note());
  const auto& id = place_->container().id;
  engine_files_ = engine->files(engine->find(id).value().container);
  wire::ToSource answer;
  auto& defined = *answer.mutable_engine_defined();
  defined.set_root((engine_files_.by_layer ? engine_files_.changes : runtime::Podman().mount(id)).string());
  defined.set_shared_memory(engine_files_.shared_memory.string());
  for (const auto& volume : engine_files_.volumes) {
    auto& told_of = *defined.add_volumes();
    told_of.set_at(volume.at.string());
    told_of.set_path(volume.here.string());
  }
  std::error_code none;
  const auto size = std::filesystem::file_size(engine_files_.log, none);
  defined.set_log_bytes(none ? 0 : size);
  FAULT_POINT("target.defined");
  talk_.send(answer);
}

// What the container has said since its definition was made. Its supervisor here only ever appends.
void TargetMove::append_log() {
  const auto tail = images_->directory() / kLogTail;
  if (engine_files_.log.empty() || !std::filesystem::exists(tail)) return;
  base::write_full(base::open_file(engine_files_.log, O_WRONLY | O_APPEND | O_CREAT, 0600).get(), base::read_file(tail));
  std::filesystem::remove(tail);
}

// It left this host earlier, and its ports still lead to where it comes from.
void TargetMove::find_way_home() {
  if (!plan_.has_relay() || plan_.tcp_close()) return;
  auto relay = handover::find_relay(plan_.name(), handover::RelayEnd::kEntrance);
  if (relay && relay->peer == plan_.source_host()) home_.emplace(std::move(*relay));
}

// Its engine is to have the ports. What leads elsewhere the source has ended.
void TargetMove::free_ports() {
  if (home_) return home_->free_ports();
  for (const auto deadline = base::mono_now() + kRelayEnds;;) {
    const auto relay = handover::find_relay(plan_.name(), handover::RelayEnd::kEntrance);
    if (!relay) return;
    if (base::mono_now() > deadline) {
      throw base::Error({fmt::format("the ports of {} here lead to {}", plan_.name(), relay->peer), "they are relayed since an earlier move",
                         fmt::format("end that (`ferry relay stop {}` here)", plan_.name()), {}, {}}, base::Exit::kRefused);
    }
    std::this_thread::sleep_for(kRelayPoll);
  }
}

// It reads its own notes, which have come already, and makes the cgroup in which CRIU then is, and waits.
void TargetMove::start_engine() {
  free_ports();
  const auto& network = place_->network();
  const bool is_nameless = network && !network->has_name();
  restore_.emplace(place_->container(), plan_.job(), *images_, pages(), is_nameless ? netns_.get() : -1);
  walk_->journal().note(kNoteCriu, to_note(restore_->criu()));
  auto cgroup = kernel::Freezer::of(restore_->criu().pid);
  if (cgroup.holds(::getpid())) {  // to give up would be to kill all that is in it
    throw base::Error({fmt::format("cannot restore {}", plan_.name()),
                       fmt::format("{} gives it no cgroup of its own here", place_->container().engine),
                       "give it one (linux.cgroupsPath in its config.json)", {}, {}});
  }
  freezer_ = std::move(cgroup);
  place_->know_cgroup(freezer_->path());
  if (runtime::oci_engine(place_->container().engine)->has_daemon()) place_->know_caller(restore_->criu().pid);
  if (network && network->is_by_engine()) {
    if (!netns_) netns_ = NetworkPlace::find(place_->container());
    place_->fill_network(netns_.get());
    identity_ = network->identity();
    if (identity_) adopt_port();
    if (plan_.has_relay()) make_relay_exit();
  }
  walk_->journal().note(kNotePlace, place_->note());
}

void TargetMove::make_capsule() {
  capsule::Spec spec;
  spec.name = plan_.name();
  spec.own_network = plan_.has_identity();
  spec.last_pid = plan_.last_pid();
  const auto ours = kernel::own_time_offsets();
  spec.time_offsets = {ours.monotonic_ns + plan_.monotonic_shift_ns(), ours.boottime_ns + plan_.boottime_shift_ns()};
  freezer_ = kernel::Freezer::create_empty(plan_.name());
  capsule_ = capsule::Capsule::start(spec);
  walk_->journal().note(kNoteCapsule, to_note(capsule_->init()));
  if (spec.own_network) netns_ = kernel::open_namespace(capsule_->init().pid, "net");
}

void TargetMove::take_identity() {
  identity_ = identity_from(plan_.identity());
  runtime::require_free_addresses(plan_.name(), *identity_);
}

void TargetMove::make_port() {
  handover::make_link(netns_.get(), *attachment_, *identity_);
  guard_port();
}

// Its engine has made it, and it is shut.
void TargetMove::adopt_port() {
  attachment_ = *place_->network()->attachment();
  guard_port();
  if (parking_ && !attachment_->is_macvlan())
    parking_->attach(attachment_->link, base::Fd(::fcntl(netns_.get(), F_DUPFD_CLOEXEC, 0)));
}

void TargetMove::guard_port() {
  handover::put_neighbours(netns_.get(), identity_->link, neighbours_from(plan_.identity().neighbours()));
  gate_ = handover::gate_of(*attachment_, *identity_, [this] { return base::Fd(::fcntl(netns_.get(), F_DUPFD_CLOEXEC, 0)); });
  gate_->get_ready();
}

// Its lanes are to come before the freeze.
void TargetMove::make_relay_exit() {
  const auto bridge = kernel::Netlink().find_link(attachment_->segment);
  if (!bridge) throw base::Error({fmt::format("the bridge {} has gone", attachment_->segment), "", "", {}, {}});
  const handover::RelayExitPlace place{.link = attachment_->link,
                                       .workload_mac = identity_->mac,
                                       .gateway_mac = bridge->mac,
                                       .address = handover::ipv4_of(*identity_),
                                       .ports = handover::parse_ports(plan_.relay().ports()),
                                       .netns = netns_.get()};
  relay_.emplace(plan_.name(), place, plan_.source_host(), handover::RelayExit::Listen{source_.address, source_.ports});
}

// From here on nothing that comes for the address reaches this host's own IP, which may have the address then.
void TargetMove::make_service() {
  service_.emplace(plan_.service());
  walk_->journal().note(kNoteService, service_->note());
  gate_ = std::make_unique<handover::AddressBarrier>(service_->barrier());
  gate_->shut();
}

// Why there is none; empty when there is.
std::string TargetMove::make_parking() {
  if (!identity_ && !service_) throw BrokenProtocol("parking without an address");
  try {
    if (service_) {
      parking_device_.emplace(std::make_unique<handover::AddressDiversion>(service_->here(), kernel::Nftables::Life::kLasting));
    } else {
      if (const auto why = handover::why_no_diversion(*attachment_); !why.empty()) return fmt::format("{}: {}", host_name(), why);
      parking_device_.emplace(handover::diversion_of(*attachment_, *identity_, netns_));
      if (!attachment_->link.empty()) parking_device_->attach(attachment_->link);
    }
  } catch (const base::SysError& failure) {
    return fmt::format("{}: {}", host_name(), failure.what());
  }
  return {};
}

// The source opens it first, before those for memory.
// It is the first thing that the source does now: whatever comes instead, its end perhaps, means that there is none.
void TargetMove::accept_parking() {
  auto lane = transport::accept_lane(source_.listener, source_.key, base::mono_now() + kParkingComes, source_.link.poll_fd());
  if (lane) {
    const int netns = netns_ ? ::fcntl(netns_.get(), F_DUPFD_CLOEXEC, 0) : -1;
    parking_.emplace(std::move(*parking_device_), std::move(*lane), base::Fd(netns), identity_ ? identity_->link : "");
  } else {
    base::log("parking: the source has opened no lane for it");
  }
  parking_device_.reset();
}

}  // namespace ferry::migration
