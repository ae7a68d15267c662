// SPDX-License-Identifier: Apache-2.0
#include "migration/container_place.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kernel/cgroup_tree.h"
#include "migration/engine_criu.h"
#include "runtime/docker.h"
#include "runtime/engine_root.h"

namespace ferry::migration {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr base::milliseconds kTasksEnd{5'000};
constexpr auto kTasksEndPoll = base::milliseconds(2);

// Else the engine makes it.
bool is_ours_to_make(const wire::EngineContainer& told) { return !runtime::defining_engine(told.engine()); }

bool is_bundle_path(const std::string& path) {
  const base::Path bundle(path);
  return bundle.is_absolute() && bundle == bundle.lexically_normal() && bundle.has_filename() && bundle != bundle.root_path();
}

std::vector<runtime::BindMount> binds_from(const wire::EngineContainer& told) {
  std::vector<runtime::BindMount> binds;
  for (const auto& one : told.binds()) {
    binds.push_back({.path = one.path(), .at = {}, .never_sent = one.never_sent(), .is_sent = one.sent(), .is_directory = one.directory(),
                     .bytes = one.bytes(), .print = one.print()});
  }
  return binds;
}

runtime::EngineEnvironment named_in(const wire::EngineContainer& told) { return {told.environment().begin(), told.environment().end()}; }

}  // namespace

runtime::EngineEnvironment environment_of(const wire::EngineContainer& told) {
  return runtime::engine_environment(told.engine(), named_in(told));
}

ContainerPlace::ContainerPlace(const wire::Plan& plan)
    : container_{plan.container().engine(), plan.container().id(), plan.container().bundle(), "", false}, network_(NetworkPlace::of(plan)) {
  binds_ = runtime::BindPlaces(binds_from(plan.container()));
  container_.name = plan.container().name();
  container_.environment = runtime::engine_environment(container_.engine);  // in force already
  if (const auto& root = plan.container().root(); !root.empty() && is_ours_to_make(plan.container()))
    container_.runtime = runtime::runtime_at(container_.engine, root);
  if (const auto engine = runtime::defining_engine(container_.engine)) {
    if (engine->has_daemon()) container_.id = {};  // another one on each host
    container_.volumes = engine->volumes_in(plan.container().configuration());
    container_.networks = engine->networks_to_make(plan.container().configuration());
  }
  for (const auto& limit : plan.container().limits()) limits_.push_back({limit.file(), limit.value()});
  std::error_code none;
  bundle_is_new_ = is_ours_to_make(plan.container()) && !fs::exists(container_.bundle, none);
}

std::optional<ContainerPlace> ContainerPlace::of(const Logbook& book) {
  const auto* note = book.find(kNotePlace);
  if (note == nullptr) return std::nullopt;
  ContainerPlace place;
  place.container_ = runtime::oci_container_from(*note);
  place.bundle_is_new_ = note->value("bundle_is_new", false);
  place.is_defined_ = note->value("is_defined", false);
  place.binds_ = runtime::BindPlaces::from(note->value("binds", json::array()));
  place.network_ = NetworkPlace::from(note->value("network", json()));
  return place;
}

json ContainerPlace::note() const {
  json note = runtime::to_note(container_);
  note["bundle_is_new"] = bundle_is_new_;
  note["is_defined"] = is_defined_;
  note["binds"] = binds_.note();
  if (network_) note["network"] = network_->note();
  return note;
}

process::Reasons ContainerPlace::reasons_against(const wire::EngineContainer& told) {
  const auto configuration = json::parse(told.configuration(), nullptr, false);
  const bool is_readable = runtime::Oci::knows(told.engine()) && is_bundle_path(told.bundle()) && configuration.is_object() &&
                           (is_ours_to_make(told) || runtime::is_long_id(told.id()));
  if (!is_readable) {
    return {{"the plan cannot be read", "it names no container, bundle or configuration", "use the same version of ferry on both hosts"}};
  }
  if (auto unfit = runtime::arrival_root_reasons(told.engine(), told.root()); !unfit.empty()) return unfit;
  if (auto unfit = runtime::arrival_environment_reasons(told.engine(), named_in(told)); !unfit.empty()) return unfit;
  const auto engine = runtime::oci_engine(told.engine(), told.root());
  if (auto lacks = engine->host_reasons(); !lacks.empty()) return lacks;
  auto reasons = engine->version_reasons(told.engine_version(), configuration);
  const auto& name = told.name().empty() ? told.id() : told.name();
  const auto same_name = engine->find(name);  // podman also takes the beginning of an id for a name
  if ((same_name && same_name->container.text() == fmt::format("{}:{}", told.engine(), name)) || engine->find(told.id())) {
    reasons.push_back({fmt::format("{} has a container called {} here already", told.engine(), name), "two of that name cannot be told apart",
                       fmt::format("`{} {} {}` there, when it is not needed", told.engine(), told.name().empty() ? "delete" : "rm", name)});
  }
  if (is_ours_to_make(told) && !configuration.value("linux", json::object()).contains("cgroupsPath")) {
    for (const auto& other : runtime::roots_that_know(told.engine(), told.id(), told.root())) {
      reasons.push_back({fmt::format("{} has a container called {} here already, in {}", told.engine(), name, other),
                         "their cgroups would be the same",
                         fmt::format("`{} --root {} delete {}` there, when it is not needed", told.engine(), other, name)});
    }
  }
  std::error_code none;
  if (const base::Path bundle(told.bundle()); is_ours_to_make(told) && fs::exists(bundle, none)) {
    const auto here = base::try_read_file(bundle / "config.json");
    if (!here || json::parse(*here, nullptr, false) != configuration) {
      reasons.push_back({fmt::format("{} is there already", bundle.string()), "it is not the bundle of this container",
                         "move it out of the way there"});
    }
  }
  if (const auto defining = runtime::defining_engine(told.engine())) {
    for (auto& reason : defining->reasons_against(told.configuration())) reasons.push_back(std::move(reason));
  }
  for (auto& reason : NetworkPlace::reasons_against(told)) reasons.push_back(std::move(reason));
  for (auto& reason : runtime::bind_reasons(binds_from(told))) reasons.push_back(std::move(reason));
  return reasons;
}

std::vector<std::string> ContainerPlace::present_binds(const wire::EngineContainer& told) const {
  std::vector<std::string> present;
  for (const auto& one : told.binds()) {
    if (one.sent() && !binds_.makes(one.path())) present.push_back(one.path());
  }
  return present;
}

void ContainerPlace::make_bundle(const std::string& configuration) const {
  if (!bundle_is_new_) return;
  fs::create_directories(container_.bundle);
  ::chmod(container_.bundle.c_str(), 0711);
  base::replace_file(container_.bundle / "config.json", configuration, base::Durable::kNo);
}

void ContainerPlace::define(const wire::EngineContainer& told, const criu::ImageSet& images) {
  container_ = define_container(container_, told, images);
}

void ContainerPlace::know_caller(pid_t criu) {
  if (runtime::read_containerd_restore(criu, container_)) return;
  throw base::Error({fmt::format("cannot find the bundle of {}", container_.text()), "what calls its runtime is no shim of containerd's", "", {}, {}});
}

void ContainerPlace::know_cgroup(const base::Path& cgroup) {
  container_.cgroup = cgroup;
  set_limits();  // what it needs may be more than its configuration allows
}

void ContainerPlace::set_limits() const noexcept {
  try {
    for (const auto& refused : kernel::set_limits(kernel::cgroup_path_of(container_.cgroup), limits_))
      base::log("{}: a limit that it had: {}", container_.text(), refused);
  } catch (const std::exception& failure) {
    base::log("{}: its limits: {}", container_.text(), failure.what());
  }
}

void ContainerPlace::settle_in() const noexcept {
  set_limits();  // its engine may have set those of the configuration meanwhile
  try {
    if (const auto engine = runtime::defining_engine(container_.engine)) engine->settle_in(container_);
  } catch (const std::exception& failure) {
    base::log("{}: {}", container_.text(), failure.what());
  }
}

void ContainerPlace::remove() const {
  if (const auto tasks = freezer()) {
    tasks->kill_all();
    tasks->thaw();
    const auto deadline = base::mono_now() + kTasksEnd;
    while (!tasks->pids().empty() && base::mono_now() < deadline) std::this_thread::sleep_for(kTasksEndPoll);
  }
  // Not even called: what has that id is somebody else's.
  const auto engine = runtime::oci_engine(container_.engine);
  if (!container_.cgroup.empty() || is_defined_) {
    engine->remove(container_);
  } else {
    engine->remove_remains(container_);
  }
  if (network_) network_->remove();
  binds_.remove();
  std::error_code untidy;
  if (bundle_is_new_) fs::remove_all(container_.bundle, untidy);
  if (untidy) base::log("{}: {}", container_.bundle.string(), untidy.message());
}

}  // namespace ferry::migration
