// SPDX-License-Identifier: Apache-2.0
#include "migration/check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "criu/image_set.h"
#include "criu/installation.h"
#include "handover/relay_registry.h"
#include "migration/common_files.h"
#include "migration/container_place.h"
#include "migration/conversation.h"
#include "migration/frozen.h"
#include "migration/host.h"
#include "migration/logbook.h"
#include "migration/plan.h"
#include "migration/service_place.h"
#include "process/blockers.h"
#include "runtime/container_name.h"

namespace ferry::migration {
namespace {

// Hashing some hundred files that are not in the page cache, and CRIU's start.
constexpr base::milliseconds kTargetLooks{15'000};
constexpr base::milliseconds kGuestGoes{2'000};
constexpr base::milliseconds kRelayWrites{200};

transport::Peer connect_to(const MoveOptions& options, const Observer& observer) {
  transport::ConnectOptions how;
  how.ssh_options = options.ssh_options;
  how.ports = options.ports;
  how.tunnel = options.tunnel;
  how.wake_fd = options.wake_fd;
  return transport::connect(transport::parse_destination(options.destination), how, observer.notice);
}

// On a link of its own; adds the target's words to the report.
void ask_for_verdict(const MoveOptions& options, const Observer& observer, const wire::ToTarget& question, CheckReport& report) {
  const std::string host = transport::parse_destination(options.destination).host;
  transport::Peer peer = connect_to(options, observer);
  Conversation talk(peer.link, host, options.wake_fd);
  talk.send(question);
  const auto answer = talk.receive_from_target(kTargetLooks, "its verdict").verdict();
  report.target = answer.host().empty() ? host : answer.host();
  for (const auto& one : answer.reasons()) report.there.push_back({one.what(), one.why(), one.remedy()});
  for (const auto& warning : answer.warnings()) report.warnings.push_back(warning);
}

// A relay leads to this host, and does not follow but to the host that it leads from.
void add_relay_reasons(const MoveOptions& options, const std::string& name, process::Reasons& reasons) {
  if (options.tcp == process::TcpPolicy::kClose) return;
  const auto before = handover::find_relay(name, handover::RelayEnd::kExit);
  if (!before || (!options.destination.empty() && options.relaying != Relaying::kNone &&
                 transport::parse_destination(options.destination).host == before->peer))
    return;
  std::this_thread::sleep_for(handover::kRelayLook + kRelayWrites);  // what it has counted may be that old
  const auto now = handover::find_relay(name, handover::RelayEnd::kExit);
  if (now && now->connections > 0) reasons.push_back(relay_in_the_way(*now));
}

// What this host must have for a dump.
void add_host_reasons(const MemoryNeed& memory, process::Reasons& reasons) {
  try {
    (void)criu::Installation::find();
  } catch (const base::Error& missing) {
    reasons.push_back(reason_of(missing.explanation()));
  }
  if (const auto lack = criu::ImageSet::lack_of_room(memory.images)) reasons.push_back(reason_of(*lack));
}

}  // namespace

process::Reason relay_in_the_way(const handover::RelayRecord& relay) {
  return {fmt::format("{} connections come to it through {}, where it was before", relay.connections, relay.peer),
          "what relays them leads to this host only",
          fmt::format("move it home, and they go along (`ferry move {} {}`, that host by this name), or move it when they have ended (`ferry relay "
                      "list`), or say --tcp close to let them end", relay.name, relay.peer)};
}

process::Reasons own_reasons(const MoveOptions& options, const process::View& view, const MemoryNeed& memory, runtime::Workload& workload) {
  process::Reasons reasons = take_service(options.address, view, workload);
  if (options.relaying == Relaying::kNone) workload.network.published.reset();
  if (view.holds(::getpid())) {
    reasons.push_back({"this ferry itself runs in it", "it would freeze itself", "call ferry from outside the workload"});
  }
  process::BlockerOptions blocking{.own_network = workload.identity.has_value(),
                                   .address = workload.service ? workload.service->text() : "",
                                   .tcp = options.tcp,
                                   .container = workload.container.has_value(),
                                   .ours = workload.is_capsule()};
  if (const auto& published = workload.network.published)
    blocking.is_relayed = [&](const auto& connection) { return published->leads_to(connection); };
  for (auto& reason : process::find_blockers(view, blocking)) reasons.push_back(std::move(reason));
  if (workload.container) {
    const auto engine = runtime::oci_engine(workload.container->engine);
    for (auto& reason : engine->own_reasons(*workload.container)) reasons.push_back(std::move(reason));
    const auto storage = options.with_binds.empty() ? std::vector<base::Path>{} : engine->storage();
    auto chosen = runtime::choose_binds(engine->files(*workload.container).binds, options.with_binds, storage, workload.root.pid);
    workload.binds = std::move(chosen.binds);
    for (auto& reason : chosen.reasons) reasons.push_back(std::move(reason));
    for (const auto& reason : workload.network.reasons) reasons.push_back(reason);
    const auto tasks = kernel::Freezer::at(workload.container->cgroup);
    if (const pid_t guest = tasks ? wait_for_strangers(*tasks, workload.root.pid, base::mono_now() + kGuestGoes) : 0; guest > 0) {
      reasons.push_back({fmt::format("its process {} ({}) was started from outside, by `{} exec`", guest, kernel::command_of(guest), workload.container->engine),
                         "who has started it stays here", "end it first"});
    }
    add_relay_reasons(options, workload.name, reasons);
  }
  add_host_reasons(memory, reasons);
  return reasons;
}

std::optional<process::Reason> left_frozen(const std::string& what) {
  const auto freezer = kernel::Freezer::find(runtime::lock_name(what));
  if (!freezer || !freezer->is_frozen()) return std::nullopt;
  return process::Reason{"an earlier move left it frozen", "it may run on another host already",
                         fmt::format("`ferry resolve {}` asks there, and finishes it", what)};
}

namespace {

// Its engine calls a container that such a move has left frozen "paused"; to resume it could make it run twice.
void require_no_earlier_move(const std::string& what) {
  for (const auto& book : unfinished_logbooks()) {
    if (book.note.lock != runtime::lock_name(what)) continue;
    base::refuse(fmt::format("cannot move {}", what), "an earlier move of it has not come to its end",
                 fmt::format("`ferry resolve {}` finishes it", what));
  }
}

}  // namespace

CheckReport check_move(const MoveOptions& options, const Observer& observer) {
  if (runtime::parse_container(options.what)) require_no_earlier_move(options.what);
  auto workload = runtime::find_workload(options.what, options.arrival_name, options.engine_root);
  const auto view = process::look_at(process::read_tree(workload.root.pid));
  CheckReport report;
  report.name = workload.name;
  report.source = host_name();
  const auto memory = memory_need(view.tree);
  report.memory_bytes = memory.whole;
  report.own = own_reasons(options, view, memory, workload);
  report.tcp = options.tcp;
  report.connections = process::connections_of(view).size();
  std::ranges::copy_if(workload.binds, std::back_inserter(report.binds), &runtime::BindMount::is_sent);
  if (auto frozen = left_frozen(options.what)) report.own.push_back(std::move(*frozen));
  if (options.destination.empty()) return report;
  wire::ToTarget question;
  auto& inquiry = *question.mutable_inquiry();
  inquiry.set_name(workload.name);
  inquiry.set_source_id(host_id());
  if (workload.container) *inquiry.mutable_container() = to_wire(workload, engine_there(options));
  const auto files = workload.container ? std::vector<std::string>() : process::written_files(view.tree);
  *inquiry.mutable_requirements() = gather_requirements(workload, view, files, memory);
  const StorageMarks marks(view, files, [](const std::string&) {});
  marks.describe(*inquiry.mutable_requirements());
  ask_for_verdict(options, observer, question, report);
  return report;
}

process::Reasons to_itself(const std::string& source_id) {
  if (source_id != host_id()) return {};
  return {{"source and target are the same host", "it would move to where it is", "name another host"}};
}

Findings look_here(const wire::EngineContainer& container, const std::string& source_id, const wire::Requirements& needed) {
  if (auto same = to_itself(source_id); !same.empty()) return {std::move(same), {}};
  Findings findings = check_requirements(needed);
  for (auto& reason : ContainerPlace::reasons_against(container)) findings.reasons.push_back(std::move(reason));
  return findings;
}

Findings look_here(const std::string& name, const std::string& source_id, const wire::Requirements& needed) {
  if (auto same = to_itself(source_id); !same.empty()) return {std::move(same), {}};
  const auto earlier = capsule::find_record(name);
  auto own = earlier ? earlier->left_files : std::vector<std::string>{};
  own.push_back(capsule::log_of(name).string());
  Findings findings = check_requirements(needed, own);
  if (earlier && capsule::is_running(*earlier)) {
    findings.reasons.push_back({"a workload of that name runs here already", fmt::format("two called {} cannot be told apart", name),
                                fmt::format("stop that one (`ferry stop {}`); a bare process can also move under another name (`--name`)", name)});
  }
  return findings;
}

namespace {

wire::ToSource verdict_of(const Findings& findings) {
  wire::ToSource answer;
  auto& verdict = *answer.mutable_verdict();
  verdict.set_host(host_name());
  for (const auto& reason : findings.reasons) {
    auto& told = *verdict.add_reasons();
    told.set_what(reason.what);
    told.set_why(reason.why);
    told.set_remedy(reason.remedy);
  }
  for (const auto& warning : findings.warnings) verdict.add_warnings(warning);
  return answer;
}

}  // namespace

wire::ToSource answer_inquiry(const wire::Inquiry& inquiry) {
  if (inquiry.has_container()) {
    const auto& container = inquiry.container();
    const runtime::EngineEnvironmentInForce engine(container.engine(), environment_of(container));
    return verdict_of(look_here(container, inquiry.source_id(), inquiry.requirements()));
  }
  capsule::check_name(inquiry.name());
  return verdict_of(look_here(inquiry.name(), inquiry.source_id(), inquiry.requirements()));
}

}  // namespace ferry::migration
