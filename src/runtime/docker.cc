// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "runtime/docker_config.h"
#include "runtime/docker_network.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using base::milliseconds;
using docker::text;
using nlohmann::json;
using process::Reasons;

namespace {

// A container that has ended is removed by the daemon itself (--rm), or it is about to notice.
constexpr milliseconds kGoes{10'000};
constexpr auto kGoesPoll = milliseconds(5);

// Which it makes below its XDG_RUNTIME_DIR or /tmp, and forgets (containerd, services/tasks/local.go).
constexpr const char* kCheckpointCopy = "ctrd-checkpoint";

// "/var/lib/docker/overlay2/…", of a container that may not have run yet.
base::Path layer_path(const json& found, const char* which) {
  const auto data = found.at("GraphDriver").value("Data", json());
  return data.is_object() ? base::Path(text(data, which)) : base::Path();
}

bool is_same_directory(const base::Path& one, const base::Path& other) {
  std::error_code none;
  return fs::equivalent(one, other, none);
}

}  // namespace

bool read_containerd_shim(pid_t shim, OciContainer& container) {
  const auto words = kernel::arguments_of(shim);
  std::string space;
  bool is_its = false;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "-namespace") space = words[i + 1];
    if (words[i] == "-id") is_its = words[i + 1] == container.id;
  }
  std::error_code gone;
  const base::Path bundle = fs::read_symlink(fmt::format("/proc/{}/cwd", shim), gone);
  const auto options =
      json::parse(base::try_read_file(bundle / "options.json").value_or(""), nullptr, false);
  if (gone || !is_its || space.empty() || !options.is_object()) return false;
  container.bundle = bundle;
  container.supervisor = kernel::find_process(shim).value_or(kernel::ProcessId{});
  const auto runtime = text(options, "binary_name");
  const auto root = text(options, "root");
  container.runtime = {runtime.empty() ? "runc" : runtime, "--root",
                       (base::Path(root.empty() ? "/run/containerd/runc" : root) / space).string()};
  if (options.value("systemd_cgroup", false)) container.runtime.push_back("--systemd-cgroup");
  return true;
}

bool read_containerd_restore(pid_t criu, OciContainer& container) {
  const pid_t runtime = kernel::parent_of(criu).value_or(0);
  const auto words = kernel::arguments_of(runtime);
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const base::Path images = words[i + 1];
    // Unless containerd has a /tmp of its own.
    if (words[i] == "--image-path" && images.filename().string().starts_with(kCheckpointCopy) &&
        is_same_directory(images, fmt::format("/proc/{}/root{}", runtime, images.string())))
      container.checkpoint_copy = images;
  }
  return read_containerd_shim(kernel::parent_of(runtime).value_or(0), container);
}

bool Docker::is_serving() const {
  try {
    (void)api_.get("/version");
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

Reasons Docker::host_reasons() const {
  try {
    (void)api_.get("/info");
    return {};
  } catch (const base::Error& silent) {
    const auto& said = silent.explanation();
    return {{said.what, said.why, said.remedy}};
  }
}

std::optional<OciState> Docker::find(const std::string& name) const {
  const auto found = api_.find(fmt::format("/containers/{}/json", name));
  if (!found) return std::nullopt;
  const auto& state = found->at("State");
  OciState known{{engine_, text(*found, "Id"), ""}, text(state, "Status"), state.value("Pid", 0)};
  known.container.name = text(*found, "Name").substr(1);  // "/web"
  known.container.volumes = docker::named_volumes(docker::portable_configuration(*found));
  known.container.restarts = docker::restarts_of(*found);
  if (known.status == "running") {
    (void)read_containerd_shim(kernel::parent_of(known.pid).value_or(0), known.container);
  }
  return known;
}

std::vector<OciListed> Docker::running() const {
  return docker::listing(api_.get("/containers/json"));
}

// Of a container that must be there.
json Docker::require(const OciContainer& container) const {
  auto found = api_.find(fmt::format("/containers/{}/json", container.id));
  if (found) return std::move(*found);
  throw base::Error({fmt::format("docker has no {} any more", container.text()),
                     "it was removed meanwhile",
                     "",
                     {},
                     {}});
}

Reasons Docker::own_reasons(const OciContainer& container) const {
  const auto found = require(container);
  auto reasons = docker::blockers(found);
  if (container.runtime.empty()) {
    reasons.push_back({"what runs it is no shim of containerd's for runc",
                       "ferry asks the OCI runtime for the checkpoint, and does not find it",
                       "run it by docker's usual runtime (--runtime runc)"});
    return reasons;
  }
  if (base::Path(container.runtime[0]).filename() != "runc") {
    reasons.push_back({fmt::format("docker runs it by {}", container.runtime[0]),
                       "this version moves those that it runs by runc",
                       "start it with --runtime runc"});
  }
  for (auto& reason : namespace_reasons(read_configuration(container.bundle)))
    reasons.push_back(std::move(reason));
  for (auto& reason : volume_reasons(container)) reasons.push_back(std::move(reason));
  const auto root = fmt::format("/proc/{}/root", found.at("State").value("Pid", 0));
  if (text(found, "Driver") != "overlay2") {
    reasons.push_back({fmt::format("docker stores it by {}", text(found, "Driver")),
                       "what it has written is copied as overlay2 keeps it",
                       "use the storage driver overlay2"});
  } else if (!is_same_directory(layer_path(found, "MergedDir"), root)) {
    reasons.push_back({"its filesystem cannot be seen from here",
                       "docker's daemon has a mount namespace of its own",
                       "start the daemon without one (MountFlags, PrivateTmp of its unit)"});
  }
  return reasons;
}

std::optional<Volume> Docker::find_volume(const std::string& name) const {
  const auto found = api_.find("/volumes/" + percent_encode(name));
  if (!found) return std::nullopt;
  const auto options = found->value("Options", json());
  return Volume{name, text(*found, "Driver"), options.is_object() && !options.empty(),
                found->value("Labels", json()), text(*found, "Mountpoint")};
}

std::vector<std::string> Docker::other_users(const std::string& volume,
                                             const std::string& id) const {
  std::vector<std::string> names;
  const auto filter = percent_encode(json{{"volume", {volume}}}.dump());
  for (const auto& user : api_.get("/containers/json?all=1&filters=" + filter)) {
    if (text(user, "Id") != id)
      names.push_back(user.at("Names").at(0).get<std::string>().substr(1));
  }
  return names;
}

void Docker::create_volume(const Volume& volume) const {
  (void)api_.post("/volumes/create", {{"Name", volume.name}, {"Labels", volume.labels}},
                  "docker cannot create the volume " + volume.name);
}

void Docker::remove_volume(const std::string& name) const {
  api_.remove("/volumes/" + percent_encode(name), "docker cannot remove the volume " + name);
}

OciFiles Docker::files(const OciContainer& container) const {
  const auto found = require(container);
  OciFiles files;
  files.root = layer_path(found, "MergedDir");
  files.changes = layer_path(found, "UpperDir");
  files.read_only = found.at("HostConfig").value("ReadonlyRootfs", false);
  files.by_layer = true;
  for (const auto& mount : found.value("Mounts", json::array())) {
    const MountedTree tree{text(mount, "Destination"), text(mount, "Source")};
    if (text(mount, "Type") == "volume") files.volumes.push_back(tree);
    if (text(mount, "Type") == "bind") files.binds.push_back(tree);
  }
  if (text(found.at("HostConfig").at("LogConfig"), "Type") == "json-file")
    files.log = container_directory(container.id) / (container.id + "-json.log");
  return files;
}

std::vector<handover::PublishedPort> Docker::published_ports(const OciContainer& container) const {
  return docker::published_ports(require(container));
}

std::vector<base::Path> Docker::storage() const {
  return {text(api_.get("/info"), "DockerRootDir")};
}

base::Path Docker::container_directory(const std::string& id) const {
  return storage().front() / "containers" / id;
}

// Without an id, the ferry here was killed while it created: under that name there was none before,
// so one that never ran is its. Empty: there is none.
std::string Docker::id_to_remove(const OciContainer& container) const {
  if (!container.id.empty()) return container.id;
  const auto found = find(container.name);
  return found && found->status == "created" ? found->container.id : "";
}

void Docker::remove_container(const std::string& id) const {
  CHECK(is_long_id(id));
  const auto deadline = base::mono_now() + kGoes;
  for (;;) {
    api_.remove(fmt::format("/containers/{}?force=1&v=1", id),
                "docker cannot remove the container");
    if (!api_.find(fmt::format("/containers/{}/json", id))) return;
    if (base::mono_now() > deadline) {
      throw base::Error({fmt::format("docker does not remove the container {}", id.substr(0, 12)),
                         "it is still there after some seconds",
                         fmt::format("`docker rm -f {}`", id.substr(0, 12)),
                         {},
                         {}});
    }
    std::this_thread::sleep_for(kGoesPoll);
  }
}

void Docker::remove_checkpoint_copy(const OciContainer& container) {
  std::error_code untidy;
  if (!container.checkpoint_copy.empty()) fs::remove_all(container.checkpoint_copy, untidy);
}

void Docker::remove(const OciContainer& container) const {
  if (const auto id = id_to_remove(container); !id.empty()) remove_container(id);
  remove_checkpoint_copy(container);
  remove_volumes(container);
  for (const auto& name : container.networks) remove_network(name);
}

// Unless somebody has come into it meanwhile.
void Docker::remove_network(const std::string& name) const {
  const auto found = api_.find("/networks/" + percent_encode(name));
  if (!found || !found->value("Containers", json::object()).empty()) return;
  api_.remove("/networks/" + percent_encode(name), "docker cannot remove the network " + name);
}

void Docker::settle(const OciContainer& container) const {
  if (!container.keep) remove(container);
}

Docker::Image Docker::image_of(const OciContainer& container) const {
  const auto found = require(container);
  return {text(found, "Image"), text(found.at("Config"), "Image")};
}

base::Argv Docker::save_image_command(const Image& image) const {
  return {"docker", "save", image.id};
}

std::string Docker::definition(const OciContainer& container,
                               const std::optional<handover::Identity>& identity) const {
  auto configuration = docker::portable_configuration(require(container));
  if (identity) docker::pin_address(configuration, *identity);
  configuration["Volumes"] = describe_volumes(container);
  configuration[kNetworksThere] = describe_networks(configuration);
  return configuration.dump();
}

json Docker::describe_networks(const json& configuration) const {
  json described = json::object();
  for (const auto& name : docker::networks(configuration))
    described[name] = docker::portable_network(api_.get("/networks/" + percent_encode(name)));
  return described;
}

Reasons Docker::reasons_not_to_keep(const OciContainer& container) const {
  if (!require(container).at("HostConfig").value("AutoRemove", false)) return {};
  return {{"its stopped copy cannot be kept", "docker removes it when it ends (--rm)",
           "move it without --keep-source"}};
}

void Docker::set_restart_policy(const std::string& id, const json& policy) const {
  (void)api_.post(fmt::format("/containers/{}/update", id), {{"RestartPolicy", policy}},
                  "docker cannot set the restart policy");
}

void Docker::forbid_restarts(const OciContainer& container) const {
  if (!container.restarts.empty()) set_restart_policy(container.id, docker::restart_policy({}));
}

void Docker::allow_restarts(const OciContainer& container) const {
  if (!container.restarts.empty())
    set_restart_policy(container.id, json::parse(container.restarts));
}

}  // namespace ferry::runtime
