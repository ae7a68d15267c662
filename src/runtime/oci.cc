// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/program.h"
#include "runtime/crun.h"
#include "runtime/docker.h"
#include "runtime/engine_root.h"
#include "runtime/podman.h"

namespace ferry::runtime {

using nlohmann::json;
using process::Reasons;

// Also where the services look.
std::string program_path() {
  const char* own = std::getenv("PATH");
  return std::string(own ? own : "") + ":/usr/sbin:/usr/local/sbin";
}

bool is_long_id(const std::string& text) {
  return text.size() == 64 && std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool is_engines_own(const std::string& mount_source, const std::string& id) {
  return mount_source.find(fmt::format("/{}/", id)) != std::string::npos;
}

json to_note(const OciContainer& container) {
  const auto& supervisor = container.supervisor;
  return {{"engine", container.engine}, {"id", container.id}, {"bundle", container.bundle.string()},
          {"cgroup", container.cgroup.string()}, {"keep", container.keep}, {"name", container.name},
          {"runtime", container.runtime}, {"exits", container.exits.string()}, {"restarts", container.restarts}, {"volumes", container.volumes},
          {"networks", container.networks}, {"environment", container.environment}, {"checkpoint_copy", container.checkpoint_copy.string()},
          {"supervisor", {{"pid", supervisor.pid}, {"start_ticks", supervisor.start_ticks}}}};
}

OciContainer oci_container_from(const json& note) {
  OciContainer container{note.value("engine", ""), note.value("id", ""), note.value("bundle", ""), note.value("cgroup", ""),
                         note.value("keep", false)};
  container.name = note.value("name", "");
  container.runtime = note.value("runtime", base::Argv{});
  container.exits = note.value("exits", "");
  container.restarts = note.value("restarts", "");
  container.volumes = note.value("volumes", std::vector<std::string>{});
  container.networks = note.value("networks", std::vector<std::string>{});
  container.environment = note.value("environment", std::vector<std::string>{});
  container.checkpoint_copy = note.value("checkpoint_copy", "");
  const auto supervisor = note.value("supervisor", json::object());
  container.supervisor = {supervisor.value("pid", 0), supervisor.value("start_ticks", uint64_t{0})};
  return container;
}

bool Oci::knows(const std::string& engine) { return std::ranges::find(kEngines, engine) != std::end(kEngines); }

std::unique_ptr<Oci> oci_engine(const std::string& engine, const std::string& root) {
  CHECK(Oci::knows(engine));
  if (auto defining = defining_engine(engine)) return defining;
  if (engine == "crun") return std::make_unique<Crun>(root);
  return std::make_unique<Oci>(engine, root);
}

std::unique_ptr<DefiningEngine> defining_engine(const std::string& engine) {
  if (engine == "podman") return std::make_unique<Podman>();
  if (engine == "docker") return std::make_unique<Docker>();
  return nullptr;
}

bool Oci::is_installed() const { return !base::find_in_path(engine_, program_path()).empty(); }

Reasons Oci::host_reasons() const {
  if (!is_installed()) {
    return {{fmt::format("{} is not installed here", engine_), "there is none on PATH", fmt::format("install it (the package {})", engine_)}};
  }
  return {};
}

base::Argv Oci::command_for(const OciContainer& container) const {
  return container.runtime.empty() ? runtime_at(engine_, root_) : container.runtime;
}

std::optional<OciState> Oci::find(const std::string& id) const {
  auto runtime = runtime_at(engine_, root_);
  auto state = ask_state(runtime, id);
  if (state && !root_.empty()) state->container.runtime = std::move(runtime);
  return state;
}

std::optional<OciState> Oci::ask_state(base::Argv runtime, const std::string& id) const {
  runtime.insert(runtime.end(), {"state", id});
  const auto told = base::run(runtime);
  if (told.status != 0) {
    if (told.err.find("does not exist") != std::string::npos || told.err.find("No such file") != std::string::npos) return std::nullopt;
    throw base::Error({fmt::format("{} does not tell the state of {}", engine_, id), base::one_line(told.err), "", {}, {}});
  }
  const auto state = json::parse(told.out);
  return OciState{{engine_, id, state.value("bundle", "")}, state.value("status", ""), state.value("pid", 0)};
}

json parse_list(const std::string& engine, const std::string& text) {
  auto list = json::parse(text, nullptr, false);
  if (list.is_null()) return json::array();
  if (!list.is_array()) {
    throw base::Error({fmt::format("{} does not tell its containers", engine), "its answer cannot be read", "report its version", {}, {}});
  }
  return list;
}

std::vector<OciListed> runtime_listing(const json& list) {
  constexpr const char* kManager = "io.container.manager";  // podman's and CRI-O's
  std::vector<OciListed> listed;
  for (const auto& one : list) {
    const auto status = one.value("status", "");
    const auto annotations = one.value("annotations", json::object());
    if ((status != "running" && status != "paused") || annotations.contains(kManager)) continue;
    listed.push_back({one.value("id", ""), kernel::command_of(one.value("pid", 0))});
  }
  return listed;
}

std::vector<OciListed> Oci::running() const { return runtime_listing(ask_list(runtime_at(engine_, root_))); }

json Oci::ask_list(base::Argv runtime) const {
  runtime.insert(runtime.end(), {"list", "--format", "json"});
  const auto told = base::run(runtime);
  if (told.status != 0) {
    throw base::Error({fmt::format("{} does not tell its containers", engine_), base::one_line(told.err), "", {}, {}});
  }
  return parse_list(engine_, told.out);
}

// Left running, as far as it knows: else it would forget the container when it has been dumped. What becomes of the tasks ferry
// says (criu/engine_side.h).
base::Argv Oci::checkpoint_command(const OciContainer& container, const std::string& images, const base::Path& log) const {
  auto argv = Oci::command_for(container);
  for (const auto& word : {"--log", log.c_str(), "checkpoint", "--leave-running", "--image-path", images.c_str(), "--work-path", images.c_str(),
                           container.id.c_str()}) {
    argv.emplace_back(word);
  }
  return argv;
}

base::Argv Oci::restore_command(const OciContainer& container, const std::string& images, const base::Path& log) const {
  auto argv = command_for(container);
  argv.insert(argv.end(), {"--log", log.string(), "restore", "--detach", "--image-path", images, "--work-path", images, "--bundle",
                           container.bundle.string(), container.id});
  return argv;
}

void Oci::remove(const OciContainer& container) const {
  const auto runtime = command_for(container);
  if (!ask_state(runtime, container.id)) return;
  auto command = runtime;
  command.insert(command.end(), {"delete", "--force", container.id});
  const auto told = base::run(command);
  if (told.status != 0 && ask_state(runtime, container.id)) {
    throw base::Error({fmt::format("{} cannot remove {}", engine_, container.id), base::one_line(told.err), "", {}, {}});
  }
}

void Oci::settle(const OciContainer& container) const {
  if (!container.keep) remove(container);
}

OciFiles Oci::files(const OciContainer& container) const {
  const auto configuration = read_configuration(container.bundle);
  const auto root = rootfs_of(container.bundle, configuration);
  OciFiles files;
  files.root = files.changes = root;
  files.read_only = is_read_only(configuration);
  files.binds = bind_mounts(configuration);
  return files;
}

json read_configuration(const base::Path& bundle) {
  const auto text = base::try_read_file(bundle / "config.json");
  auto parsed = text ? json::parse(*text, nullptr, false) : json();
  if (!parsed.is_object()) {
    base::refuse(fmt::format("there is no container in {}", bundle.string()),
                 text ? "its config.json cannot be read" : "it has no config.json", "the bundle must stay where the container was made from");
  }
  return parsed;
}

base::Path rootfs_of(const base::Path& bundle, const json& configuration) {
  return (bundle / configuration.value("root", json::object()).value("path", "rootfs")).lexically_normal();
}

bool is_read_only(const json& configuration) { return configuration.value("root", json::object()).value("readonly", false); }

// A type of "bind" is usual, and means nothing to runc: the option does it.
std::vector<MountedTree> bind_mounts(const json& configuration) {
  std::vector<MountedTree> binds;
  for (const auto& mount : configuration.value("mounts", json::array())) {
    const auto source = mount.value("source", "");
    const auto options = mount.value("options", std::vector<std::string>{});
    const bool is_bind = mount.value("type", "") == "bind" ||
                         std::ranges::any_of(options, [](const std::string& option) { return option == "bind" || option == "rbind"; });
    if (is_bind && source.starts_with('/')) binds.push_back({mount.value("destination", ""), source});
  }
  return binds;
}

Reasons Oci::own_reasons(const OciContainer& container) const {
  const auto configuration = read_configuration(container.bundle);
  auto reasons = namespace_reasons(configuration);
  if (configuration.value("process", json::object()).value("terminal", false)) {
    reasons.insert(reasons.begin(), {"it has a terminal", "who holds the other end stays behind", "start it without one (\"terminal\": false)"});
  }
  const auto rootfs = rootfs_of(container.bundle, configuration);
  if (const auto inside = rootfs.lexically_relative(container.bundle); inside.empty() || *inside.begin() == ".." || inside == ".") {
    reasons.push_back({fmt::format("its root filesystem {} is not in its bundle", rootfs.string()), "what is there on the target may belong to others",
                       fmt::format("keep it below {}", container.bundle.string())});
  }
  return reasons;
}

Reasons namespace_reasons(const json& configuration) {
  Reasons reasons;
  const auto linux_part = configuration.value("linux", json::object());
  bool own_pids = false, own_mounts = false;
  for (const auto& space : linux_part.value("namespaces", json::array())) {
    const auto type = space.value("type", "");
    const bool joined = !space.value("path", "").empty();
    if (joined && type != "network") {
      reasons.push_back({fmt::format("it shares the {} namespace {}", type, space.value("path", "")), "that one would stay here",
                         "move containers that have namespaces of their own"});
    }
    own_pids = own_pids || (type == "pid" && !joined);
    own_mounts = own_mounts || (type == "mount" && !joined);
    if (type == "user") reasons.push_back({"it has a user namespace", "this version does not move those", "run it without one"});
  }
  if (!own_pids) reasons.push_back({"it has no pid namespace of its own", "its pids may be taken on another host", "give it one"});
  if (!own_mounts) reasons.push_back({"it has no mount namespace of its own", "its files are this host's", "give it one"});
  return reasons;
}

}  // namespace ferry::runtime
