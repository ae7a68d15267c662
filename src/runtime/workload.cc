// SPDX-License-Identifier: Apache-2.0
#include "runtime/workload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "criu/twin.h"
#include "handover/address_diversion.h"
#include "handover/attachment.h"
#include "kernel/freezer.h"
#include "runtime/container_name.h"
#include "runtime/defining_engine.h"
#include "runtime/engine_environment.h"
#include "runtime/engine_root.h"

namespace ferry::runtime {
namespace {

std::optional<pid_t> as_pid(std::string_view what) {
  if (what.starts_with("pid:")) what.remove_prefix(4);
  const bool digits = !what.empty() && what.size() <= 9 &&
                      std::ranges::all_of(what, [](unsigned char c) { return std::isdigit(c); });
  if (!digits) return std::nullopt;
  return std::stoi(std::string(what));
}

// A pid inside one of our capsules is that workload: its identity and log must come along.
std::optional<capsule::Record> capsule_of(pid_t pid) {
  for (auto& record : capsule::all_records()) {
    if (capsule::is_running(record) &&
        kernel::namespace_id(pid, "pid") == kernel::namespace_id(record.init.pid, "pid")) {
      return std::move(record);
    }
  }
  return std::nullopt;
}

// By its flags (proc(5), field 9 of stat), not by its number: in a container 2 is a pid like any other.
bool is_kernel_thread(pid_t pid) {
  constexpr uint64_t kPfKthread = 0x00200000;  // include/linux/sched.h
  const auto stat = base::try_read_file(fmt::format("/proc/{}/stat", pid)).value_or("");
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return false;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string state;
  int64_t parent, group, session, tty, tty_group;
  uint64_t flags = 0;
  fields >> state >> parent >> group >> session >> tty >> tty_group >> flags;
  return (flags & kPfKthread) != 0;
}

[[noreturn]] void refuse_unknown(const std::string& what) {
  if (what.find(':') != std::string::npos) {
    base::refuse(fmt::format("cannot move {}", what), "this version moves processes and `ferry run` workloads only",
                 "give a pid, or a name that `ferry ps` shows");
  }
  base::refuse(fmt::format("there is no workload called {} on this host", what), "",
               "`ferry ps -a` lists those that are here or were");
}

// The trees below the capsule's init. The twin of a CRIU that has ended is one of them for a moment, until it has ended too.
std::vector<pid_t> roots_in(const capsule::Record& record) {
  constexpr base::milliseconds kTwinEnds{2000}, kPoll{2};
  const auto is_twin = [](pid_t pid) { return kernel::comm_of(pid) == criu::twin::kName; };
  const auto deadline = base::mono_now() + kTwinEnds;
  for (;;) {
    auto roots = kernel::children_of(record.init.pid);
    if (std::ranges::none_of(roots, is_twin) || base::mono_now() > deadline) return roots;
    std::this_thread::sleep_for(kPoll);
  }
}

Workload from_record(const capsule::Record& record) {
  if (!capsule::is_running(record)) {
    base::refuse(fmt::format("{} does not run", record.name), "it has ended", "start it again with `ferry run`");
  }
  const auto roots = roots_in(record);
  const auto root = capsule::host_root_pid(record);
  if (!root || roots.size() != 1) {
    base::refuse(fmt::format("cannot move {}", record.name),
                 fmt::format("it has {} processes without a common parent; only one tree can be moved", roots.size()),
                 "start it so that it stays in the foreground");
  }
  return {record.name, record.command, kernel::find_process(*root).value_or(kernel::ProcessId{*root, 0}), record,
          identity_of(record), std::nullopt};
}

Workload from_pid(pid_t pid, const std::string& arrival_name) {
  const auto process = kernel::find_process(pid);
  if (!process || kernel::task_state(pid) == 'Z') {
    base::refuse(fmt::format("cannot move process {}", pid), "there is no such process on this host",
                 "`ferry ps` lists workloads, `ps` all processes");
  }
  if (auto record = capsule_of(pid)) return from_record(*record);
  if (is_kernel_thread(pid)) {
    base::refuse(fmt::format("cannot move process {}", pid), "it is a thread of the kernel");
  }
  if (kernel::inner_pid(pid) == 1) {
    base::refuse(fmt::format("cannot move process {}", pid), "it is the init of a pid namespace (a host or a container)",
                 "name the container by its engine");
  }
  std::string name = arrival_name;
  if (name.empty()) {
    for (const char c : kernel::comm_of(pid)) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
    name = fmt::format("{}-{}", std::isalnum(static_cast<unsigned char>(name[0])) ? name : "p" + name, pid);
  }
  capsule::check_name(name);
  if (const auto other = capsule::find_record(name); other && capsule::is_running(*other)) {
    base::refuse(fmt::format("cannot move process {} as {}", pid, name), "another workload of that name runs here",
                 "choose another --name");
  }
  return {name, kernel::command_of(pid), *process, std::nullopt, std::nullopt, std::nullopt};
}

// Where to look for one that is not known; `root`: where it was looked for.
std::string where_it_may_be(const ContainerName& name, const std::string& root) {
  const bool keeps_more = defining_engine(name.engine) != nullptr;
  const auto list = fmt::format("`{} {}` shows those that it has",
                                fmt::join(runtime_at(name.engine, root), " "), keeps_more ? "ps" : "list");
  if (keeps_more) return list;
  const auto others = roots_that_know(name.engine, name.name, root);
  if (others.empty())
    return fmt::format("{}; one of another state directory ({} --root DIR) needs --engine-root DIR", list, name.engine);
  return fmt::format("one of that name is known in {}: say --engine-root DIR", fmt::join(others, " and in "));
}

Workload from_engine(const ContainerName& name, const std::string& root_directory) {
  const auto engine = oci_engine(name.engine, root_directory);
  for (const auto& lack : engine->host_reasons()) base::refuse(fmt::format("cannot move {}", name.text()), lack.what + ": " + lack.why, lack.remedy);
  auto state = engine->find(name.name);
  const bool keeps_more = defining_engine(name.engine) != nullptr;
  if (!state) {
    base::refuse(fmt::format("cannot move {}", name.text()),
                 fmt::format("{} has no container of that name here{}", name.engine,
                             root_directory.empty() ? "" : " in " + root_directory),
                 where_it_may_be(name, root_directory));
  }
  if (state->container.text() != name.text()) {  // it is locked and journalled under one name
    base::refuse(fmt::format("cannot move {}", name.text()), "that is no name but the id of a container", fmt::format("call it {}", state->container.text()));
  }
  const auto root = kernel::find_process(state->pid);
  if (state->status != "running" || state->pid <= 0 || !root) {
    base::refuse(fmt::format("cannot move {}", name.text()), fmt::format("it is {}", state->status == "running" ? "ending" : state->status),
                 state->status == "paused" ? fmt::format("{} {} {}", name.engine, keeps_more ? "unpause" : "resume", name.name) : "only what runs can be moved");
  }
  Workload workload{name.text(), kernel::command_of(root->pid), *root, std::nullopt, std::nullopt, std::nullopt};
  const auto cgroup = kernel::Freezer::of(root->pid);
  if (cgroup.holds(::getpid())) {  // all that is in it would be frozen
    base::refuse(fmt::format("cannot move {}", name.text()), fmt::format("its cgroup {} is not its own: others are in it, too", cgroup.path().string()),
                 "give it one (linux.cgroupsPath in its config.json)");
  }
  workload.container = std::move(state->container);
  workload.container->environment = engine_environment(name.engine);
  workload.container->cgroup = cgroup.path();
  workload.network = network_of(root->pid, *workload.container);
  workload.identity = workload.network.identity;
  return workload;
}

}  // namespace

std::optional<handover::Identity> identity_of(const capsule::Record& record) {
  if (record.ip.empty()) return std::nullopt;
  return handover::parse_identity(record.ip, kernel::MacAddr::parse(record.mac), record.gateway);
}

handover::Attachment Workload::attachment() const {
  return container ? network.attachment : handover::attachment_of(name, *identity);
}

std::unique_ptr<handover::Gate> Workload::gate() const {
  if (service) return std::make_unique<handover::HostAddressGate>(*service);
  const auto inside = [pid = root.pid] { return kernel::open_namespace(pid, "net"); };
  if (const auto& published = network.published) return handover::gate_of(published->attachment, published->inside, inside);
  if (!identity) return nullptr;
  return handover::gate_of(attachment(), *identity, inside);
}

std::string Workload::why_no_diversion() const {
  return service ? "" : handover::why_no_diversion(attachment());
}

std::unique_ptr<handover::Diversion> Workload::diversion() const {
  if (service) return std::make_unique<handover::AddressDiversion>(*service, kernel::Nftables::Life::kWithThis);
  return handover::diversion_of(attachment(), *identity, {});
}

kernel::TimeOffsets Workload::time_offsets() const { return kernel::time_offsets_of(root.pid); }

capsule::Record require_here(const std::string& name) {
  const auto record = capsule::find_record(name);
  if (!record) refuse_unknown(name);
  if (!record->moved_to.empty()) {
    base::refuse(fmt::format("{} is not on this host any more", name),
                 fmt::format("it moved to {} at {}", record->moved_to, base::local_hhmm(record->moved_at_ns)),
                 fmt::format("run the command there: ssh {} ferry …", record->moved_to));
  }
  return *record;
}

bool is_pid(const std::string& what) { return as_pid(what).has_value(); }

std::string lock_name(const std::string& what) {
  const auto pid = as_pid(what);
  if (!pid) {
    if (const auto container = parse_container(what)) return lock_name(*container);
    if (!capsule::is_name(what)) refuse_unknown(what);  // it becomes part of a path
    return what;
  }
  if (const auto record = capsule_of(*pid)) return record->name;
  return fmt::format(".pid-{}", *pid);  // no workload's name begins with a dot
}

Workload find_workload(const std::string& what, const std::string& arrival_name, const std::string& engine_root) {
  if (const auto pid = as_pid(what)) return from_pid(*pid, arrival_name);
  if (const auto container = parse_container(what)) return from_engine(*container, engine_root);
  return from_record(require_here(what));
}

}  // namespace ferry::runtime
