// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/program.h"
#include "criu/shim.h"
#include "runtime/docker_config.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using base::milliseconds;
using nlohmann::json;
using process::Reasons;

namespace {

constexpr const char* kCheckpoint = "ferry";  // a directory of the container's at the target
// A container that has ended is removed by the daemon itself (--rm), or it is about to notice.
constexpr milliseconds kGoes{10'000};
constexpr auto kGoesPoll = milliseconds(5);

std::string text(const json& object, const char* key) { return object.value(key, std::string()); }

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
  const auto options = json::parse(base::try_read_file(bundle / "options.json").value_or(""), nullptr, false);
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
  const auto policy = docker::restart_policy(*found);
  if (text(policy, "Name") != "no") known.container.restarts = policy.dump();
  if (known.status == "running") {
    (void)read_containerd_shim(kernel::parent_of(known.pid).value_or(0), known.container);
  }
  return known;
}

std::vector<OciListed> Docker::running() const { return docker::listing(api_.get("/containers/json")); }

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
  for (auto& reason : volume_reasons(found)) reasons.push_back(std::move(reason));
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

// Of its own are those that nobody else has, and that are directories of this host.
Reasons Docker::volume_reasons(const json& found) const {
  Reasons reasons;
  for (const auto& name : docker::named_volumes(docker::portable_configuration(found))) {
    const auto volume = api_.get("/volumes/" + percent_encode(name));
    const auto options = volume.value("Options", json());
    if (text(volume, "Driver") != "local" || (options.is_object() && !options.empty())) {
      reasons.push_back({fmt::format("its volume {} is not a plain one", name),
                         fmt::format("it is of the driver {}, or has options of its own", text(volume, "Driver")),
                         "give both hosts the same storage, and bind it (-v /DIRECTORY:…)"});
    }
    const auto filter = percent_encode(json{{"volume", {name}}}.dump());
    for (const auto& user : api_.get("/containers/json?all=1&filters=" + filter)) {
      if (text(user, "Id") == text(found, "Id")) continue;
      reasons.push_back({fmt::format("its volume {} is also that of {}", name,
                                     user.at("Names").at(0).get<std::string>().substr(1)),
                         "it would go away from there", "remove that container, or give each a volume"});
    }
  }
  return reasons;
}

OciFiles Docker::files(const OciContainer& container) const {
  const auto found = require(container);
  OciFiles files;
  files.root = layer_path(found, "MergedDir");
  files.changes = layer_path(found, "UpperDir");
  files.read_only = found.at("HostConfig").value("ReadonlyRootfs", false);
  files.by_layer = true;
  for (const auto& mount : found.value("Mounts", json::array())) {
    if (text(mount, "Type") == "volume")
      files.volumes.push_back({text(mount, "Destination"), text(mount, "Source")});
  }
  if (text(found.at("HostConfig").at("LogConfig"), "Type") == "json-file")
    files.log = container_directory(container.id) / (container.id + "-json.log");
  return files;
}

base::Path Docker::container_directory(const std::string& id) const {
  return base::Path(text(api_.get("/info"), "DockerRootDir")) / "containers" / id;
}

base::Path Docker::checkpoint_directory(const OciContainer& container) const {
  return container_directory(container.id) / "checkpoints" / kCheckpoint;
}

void Docker::prepare_restore(const OciContainer& container, const base::Path& images) const {
  const auto directory = checkpoint_directory(container);
  fs::create_directories(directory);
  ::chmod(directory.c_str(), 0700);
  base::replace_file(directory / kEngineNotes, base::read_file(images / kEngineNotes),
                     base::Durable::kNo);
}

base::Argv Docker::restore_command(const OciContainer& container, const std::string&,
                                   const base::Path&) const {
  return api_.client({"start", "--checkpoint", kCheckpoint, container.id});
}

// Without an id, the ferry here was killed while it created: under that name there was none before,
// so one that never ran is its.
void Docker::remove(const OciContainer& container) const {
  auto id = container.id;
  if (id.empty()) {
    const auto found = find(container.name);
    if (!found || found->status != "created") return;
    id = found->container.id;
  }
  CHECK(is_long_id(id));
  const auto deadline = base::mono_now() + kGoes;
  for (;;) {
    api_.remove(fmt::format("/containers/{}?force=1&v=1", id), "docker cannot remove the container");
    if (!api_.find(fmt::format("/containers/{}/json", id))) break;
    if (base::mono_now() > deadline) {
      throw base::Error({fmt::format("docker does not remove {}", container.text()),
                         "it is still there after some seconds",
                         fmt::format("`docker rm -f {}`", id.substr(0, 12)),
                         {},
                         {}});
    }
    std::this_thread::sleep_for(kGoesPoll);
  }
  for (const auto& name : container.volumes)
    api_.remove("/volumes/" + percent_encode(name), "docker cannot remove the volume " + name);
}

void Docker::settle(const OciContainer& container) const {
  if (!container.keep) remove(container);
}

Docker::Image Docker::image_of(const OciContainer& container) const {
  const auto found = require(container);
  return {text(found, "Image"), text(found.at("Config"), "Image")};
}

bool Docker::has_image(const std::string& id) const {
  return api_.find(fmt::format("/images/{}/json", percent_encode(id))).has_value();
}

base::Argv Docker::save_image_command(const Image& image) const {
  return api_.client({"save", image.id});
}

base::Argv Docker::load_image_command() const { return {"docker", "load", "--quiet"}; }

// As the API wants it: the part before the last colon, unless that is one of a registry's port.
void Docker::give_name(const Image& image) const {
  if (image.name.empty() || image.id.ends_with(image.name) ||
      api_.find(fmt::format("/images/{}/json", percent_encode(image.name))))
    return;
  const auto colon = image.name.rfind(':');
  const bool has_tag = colon != std::string::npos && image.name.find('/', colon) == std::string::npos;
  const auto repository = image.name.substr(0, has_tag ? colon : std::string::npos);
  const auto tag = has_tag ? image.name.substr(colon + 1) : "latest";
  (void)api_.post(fmt::format("/images/{}/tag?repo={}&tag={}", percent_encode(image.id),
                              percent_encode(repository), percent_encode(tag)),
                  {}, fmt::format("cannot name the image {}", image.name));
}

std::string Docker::definition(const OciContainer& container,
                               const std::optional<handover::Identity>& identity) const {
  auto configuration = docker::portable_configuration(require(container));
  if (identity) docker::pin_address(configuration, *identity);
  for (auto& [name, volume] : configuration["Volumes"].items())
    volume = {{"Labels", api_.get("/volumes/" + percent_encode(name)).value("Labels", json())}};
  return configuration.dump();
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

OciContainer Docker::define(OciContainer wanted, const std::string& definition,
                            const Image& image) const {
  const auto configuration = json::parse(definition);
  const auto named = api_.find(fmt::format("/images/{}/json", percent_encode(image.name)));
  const bool by_name = named && text(*named, "Id") == image.id;
  for (const auto& [name, volume] : configuration.at("Volumes").items()) {
    (void)api_.post("/volumes/create", {{"Name", name}, {"Labels", volume.value("Labels", json())}},
                    "docker cannot create the volume " + name);
  }
  const auto made = api_.post(
      "/containers/create?name=" + percent_encode(wanted.name),
      docker::create_request(configuration, by_name ? image.name : image.id),
      fmt::format("docker cannot create {}", wanted.name));
  wanted.id = text(made, "Id");
  const auto policy = docker::restart_policy(configuration);
  if (text(policy, "Name") != "no") wanted.restarts = policy.dump();
  return wanted;
}

void Docker::settle_in(const OciContainer& container) const {
  std::error_code untidy;
  fs::remove_all(checkpoint_directory(container), untidy);
  allow_restarts(container);
}

namespace {

Reasons daemon_reasons(const json& info) {
  Reasons reasons;
  if (!info.value("ExperimentalBuild", false)) {
    reasons.push_back({"docker's daemon is not in experimental mode",
                       "without it, it does not restore",
                       "put {\"experimental\": true} into /etc/docker/daemon.json and restart docker"});
  }
  if (text(info, "Driver") != "overlay2") {
    reasons.push_back({fmt::format("docker stores containers by {} here", text(info, "Driver")),
                       "what the container has written is stored by overlay2 there",
                       "use the storage driver overlay2"});
  }
  const auto path = DockerApi::daemon_search_path();
  const auto criu = base::find_in_path("criu", path);
  if (criu.empty() || !criu::is_shim(criu)) {
    reasons.push_back(
        {criu.empty() ? fmt::format("docker finds no criu on its PATH ({})", path)
                      : fmt::format("docker finds {} before ferry", criu.string()),
         "ferry holds the restore as the criu that docker's runtime calls",
         fmt::format("run `{} engine setup` there, once", fs::read_symlink("/proc/self/exe").string())});
  }
  return reasons;
}

}  // namespace

std::vector<std::string> Docker::volumes_in(const std::string& definition) const {
  return docker::named_volumes(json::parse(definition));
}

Reasons Docker::reasons_against(const std::string& definition) const {
  const auto configuration = json::parse(definition, nullptr, false);
  if (!configuration.is_object() || !configuration.contains("HostConfig"))
    return {{"the plan cannot be read", "it has no definition of docker's", "use the same version of ferry on both hosts"}};
  const auto info = api_.get("/info");
  auto reasons = daemon_reasons(info);
  for (const auto& source : docker::bind_sources(configuration)) {
    std::error_code none;
    if (fs::exists(source, none)) continue;
    reasons.push_back({fmt::format("{} is not here", source), "it is bound into the container",
                       "bring it over first (rsync -a)"});
  }
  for (const auto& network : docker::networks(configuration)) {
    if (api_.find("/networks/" + percent_encode(network))) continue;
    reasons.push_back(
        {fmt::format("docker has no network {} here", network), "the container is attached to it",
         fmt::format("`docker network create {}`, with the same driver and subnet as there", network)});
  }
  for (const auto& volume : docker::named_volumes(configuration)) {
    if (!api_.find("/volumes/" + percent_encode(volume))) continue;
    reasons.push_back({fmt::format("docker has a volume {} here already", volume),
                       "what is in it may be needed",
                       fmt::format("`docker volume rm {}` there, when it is not needed", volume)});
  }
  const auto runtime = text(configuration["HostConfig"], "Runtime");
  if (!runtime.empty() && !info.value("Runtimes", json::object()).contains(runtime)) {
    reasons.push_back({fmt::format("docker has no runtime {} here", runtime),
                       "the container runs by it", "configure it in daemon.json"});
  }
  return reasons;
}

}  // namespace ferry::runtime
