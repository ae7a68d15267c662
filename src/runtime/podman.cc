// SPDX-License-Identifier: Apache-2.0
#include "runtime/podman.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/program.h"
#include "runtime/docker_config.h"
#include "runtime/podman_network.h"
#include "runtime/podman_runtime.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using nlohmann::json;
using process::Reasons;

namespace {

// What is left in the checkpoint's directory by the export of a definition.
constexpr const char* kInventory = "inventory.img";  // podman looks whether it is there, no more
constexpr const char* kCheckpoint = "checkpoint";
constexpr const char* kKilled = "137";  // as conmon notes the end by SIGKILL

json inspect(const std::string& name) {
  const auto told = base::run({"podman", "container", "inspect", name});
  if (told.status != 0) {
    if (told.err.find("no such container") != std::string::npos ||
        told.err.find("no container with name or ID") != std::string::npos)
      return {};
    throw base::Error({fmt::format("podman does not tell the state of {}", name),
                       base::one_line(told.err),
                       "see what `podman ps` says",
                       {},
                       {}});
  }
  const auto all = json::parse(told.out, nullptr, false);
  if (!all.is_array() || all.size() != 1) {
    throw base::Error({fmt::format("podman does not tell the state of {}", name),
                       "its answer cannot be read",
                       "report its version",
                       {},
                       {}});
  }
  return all[0];
}

// Of a container that must be there.
json require(const OciContainer& container) {
  auto found = inspect(container.id);
  if (found.is_null())
    throw base::Error({fmt::format("podman has no {} any more", container.text()),
                       "it was removed meanwhile",
                       "",
                       {},
                       {}});
  return found;
}

// As inspected; "volume": named and nameless ones.
std::vector<json> mounts_of_type(const json& found, const std::string& type) {
  std::vector<json> mounts;
  for (const auto& mount : found.value("Mounts", json::array())) {
    if (mount.value("Type", "") == type) mounts.push_back(mount);
  }
  return mounts;
}

json part(const json& whole, const char* name) { return whole.value(name, json::object()); }

// How conmon was told to call the runtime, without the log of that one call.
void read_supervisor(pid_t conmon, OciContainer& container) {
  container.supervisor = kernel::find_process(conmon).value_or(kernel::ProcessId{});
  const auto words = kernel::arguments_of(conmon);
  base::Argv options;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "-r") container.runtime = {words[i + 1]};
    if (words[i] == "--exit-dir") container.exits = words[i + 1];
    if (words[i] == "--exit-command") break;
    if (words[i] == "--runtime-arg") options.push_back(words[i + 1]);
    if (words[i].starts_with("--runtime-arg="))
      options.push_back(words[i].substr(words[i].find('=') + 1));
  }
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i] == "--log")
      ++i;
    else if (!options[i].starts_with("--log"))
      container.runtime.push_back(options[i]);
  }
}

// As OciContainer::restarts.
constexpr const char* kHealthcheck = "healthcheck";

bool has_healthcheck(const json& found) {
  const auto test = part(part(found, "Config"), "Healthcheck").value("Test", json());
  return test.is_array() && !test.empty() && test[0] != "NONE";
}

// podman writes down what it has its runtime do to a container, and that does not do it: with this
// flag a runtime tells its version and nothing else (runc 1.1 to 1.3, crun 1.21).
base::Finished only_note(const std::string& verb, const OciContainer& container) {
  base::Argv argv{"podman", "--runtime-flag", "version", verb};
  if (verb == "kill") argv.insert(argv.end(), {"--signal", "KILL"});
  argv.push_back(container.id);
  return base::run(argv);
}

void write_new(const base::Path& file, std::string_view text) {
  base::write_full(base::open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0600).get(), text);
}

void run(const base::Argv& argv, const std::string& failed) {
  const auto told = base::run(argv);
  if (told.status == 0) return;
  throw base::Error(
      {failed,
       fmt::format("`podman {}` ended with status {}: {}", argv.size() > 1 ? argv[1] : "",
                   told.status, base::one_line(told.err)),
       "",
       {},
       {}});
}

}  // namespace

Reasons Podman::host_reasons() const {
  if (!is_installed()) {
    return {{"podman is not installed here", "there is none on PATH",
             "install it (the package podman), with runc"}};
  }
  return {};
}

std::optional<OciState> Podman::find(const std::string& name) const {
  const auto found = inspect(name);
  if (found.is_null()) return std::nullopt;
  const auto state = part(found, "State");
  OciState known{
      {engine_, found.value("Id", ""), base::Path(found.value("OCIConfigPath", "")).parent_path()},
      state.value("Status", ""),
      state.value("Pid", 0)};
  known.container.name = found.value("Name", "");
  for (const auto& mount : mounts_of_type(found, "volume"))
    known.container.volumes.push_back(mount.value("Name", ""));
  if (has_healthcheck(found)) known.container.restarts = kHealthcheck;
  if (known.status == "running") read_supervisor(state.value("ConmonPid", 0), known.container);
  return known;
}

std::vector<OciListed> podman_listing(const json& list) {
  std::vector<OciListed> listed;
  for (const auto& one : list) {
    const auto names = one.value("Names", json::array());
    listed.push_back({names.empty() ? one.value("Id", "") : names[0].get<std::string>(),
                      one.value("Image", "")});
  }
  return listed;
}

std::vector<OciListed> Podman::running() const {
  const auto told = base::run({"podman", "ps", "--filter", "status=running", "--filter",
                               "status=paused", "--format", "json"});
  if (told.status != 0) {
    throw base::Error(
        {"podman does not tell its containers", base::one_line(told.err), "", {}, {}});
  }
  return podman_listing(parse_list(engine_, told.out));
}

Reasons Podman::own_reasons(const OciContainer& container) const {
  auto reasons = namespace_reasons(read_configuration(container.bundle));
  const auto found = require(container);
  for (auto& reason : inspected_reasons(found)) reasons.push_back(std::move(reason));
  for (auto& reason : podman::runtime_reasons(podman::runtime_of(found))) reasons.push_back(std::move(reason));
  for (auto& reason : volume_reasons(container)) reasons.push_back(std::move(reason));
  return reasons;
}

bool Podman::gives_network(const OciContainer& container) const {
  return podman::is_on_networks(require(container));
}

// podman tells of them as docker does.
std::vector<handover::PublishedPort> Podman::published_ports(const OciContainer& container) const {
  return docker::published_ports(require(container));
}

OciFiles Podman::files(const OciContainer& container) const {
  const auto found = require(container);
  const auto configuration = read_configuration(container.bundle);
  OciFiles files;
  files.root = rootfs_of(container.bundle, configuration);
  const auto driver = part(found, "GraphDriver").value("Data", json());
  const auto upper = driver.is_object() ? driver.value("UpperDir", "") : "";
  files.changes = upper.empty() ? files.root : base::Path(upper);
  files.read_only = is_read_only(configuration);
  for (const auto& mount : configuration.value("mounts", json::array())) {
    const auto source = mount.value("source", "");
    if (mount.value("destination", "") == "/dev/shm" && is_engines_own(source, container.id))
      files.shared_memory = source;
  }
  for (const auto& mount : mounts_of_type(found, "volume"))
    files.volumes.push_back({mount.value("Destination", ""), mount.value("Source", "")});
  for (const auto& mount : mounts_of_type(found, "bind"))
    files.binds.push_back({mount.value("Destination", ""), mount.value("Source", "")});
  const auto log = part(part(found, "HostConfig"), "LogConfig").value("Path", "");
  if (is_engines_own(log, container.id)) files.log = log;
  return files;
}

base::Argv Podman::restore_command(const OciContainer& container, const std::string&,
                                   const base::Path&) const {
  return {"podman", "container", "restore", "--tcp-established", container.id};
}

base::Argv Podman::export_command(const OciContainer& container, const base::Path& archive) const {
  return {"podman",           "container",         "checkpoint",
          "--leave-running",  "--tcp-established", "--ignore-rootfs",
          "--ignore-volumes", "--compress=none",   "--export",
          archive.string(),   container.id};
}

void Podman::make_look_whole(const OciContainer& container) const {
  write_new(container.bundle / kCheckpoint / kInventory, "");
}

void Podman::tidy_after_export(const OciContainer& container) const {
  std::error_code untidy;
  const auto directory = container.bundle / kCheckpoint;
  fs::remove(directory / kInventory, untidy);
  fs::remove(directory / kEngineNotes, untidy);
  fs::remove(directory, untidy);  // what somebody else keeps there stays
  for (const char* file : {"devshm-checkpoint.tar", kNetworkStatus})
    fs::remove(container.bundle / file, untidy);
}

base::Argv Podman::import_command(const base::Path& archive, bool is_removed_at_end) const {
  base::Argv argv{"podman",           "container", "restore",  "--tcp-established",
                  "--ignore-volumes", "--keep",    "--import", archive.string()};
  // Else podman does not read what is to end it.
  if (!is_removed_at_end) argv.emplace_back("--ignore-rootfs");
  return argv;
}

// What podman does not know its runtime to have kept would be in the way of the restore to come,
// and so would be what has ended this one.
void Podman::tidy_after_import(const OciContainer& container) const {
  const auto found = inspect(container.id);
  if (found.is_null()) return;
  podman::remove_remains(podman::runtime_of(found), container);
  const auto bundle = base::Path(found.value("OCIConfigPath", "")).parent_path();
  std::error_code none;
  if (!bundle.empty()) fs::remove(bundle / kDeletedFiles, none);
}

bool is_removed_at_end(const json& configuration) {
  const auto annotations = part(configuration, "annotations");
  return annotations.value("io.podman.annotations.autoremove", "") == "TRUE";
}

bool Podman::is_made(const std::string& id) const {
  const auto found = find(id);
  return found && found->status != "running" &&
         fs::exists(found->container.bundle / kCheckpoint / kInventory);
}

base::Path Podman::mount(const std::string& id) const {
  const auto told = base::run({"podman", "mount", id});
  const base::Path root = told.out.substr(0, told.out.find('\n'));
  if (told.status != 0 || !root.is_absolute()) {
    throw base::Error({"podman does not mount the container's root filesystem",
                       base::one_line(told.err + told.out),
                       "see what `podman mount` says there",
                       {},
                       {}});
  }
  return root;
}

void Podman::settle_in(const OciContainer& container) const {
  run({"podman", "umount", container.id},
      "its root filesystem stays mounted once more than is needed");
}

void Podman::remove(const OciContainer& container) const {
  CHECK(is_long_id(container.id));
  const auto found = inspect(container.id);
  // First: podman does not know what a failed restore leaves. It may have forgotten the container by itself (--rm).
  podman::remove_remains(found.is_null() ? podman::kUnknownRuntime : podman::runtime_of(found), container);
  if (!found.is_null()) {
    const auto told = base::run({"podman", "rm", "--force", "--time", "0", container.id});
    if (!inspect(container.id).is_null()) {
      throw base::Error({fmt::format("podman cannot remove {}", container.text()),
                         base::one_line(told.err),
                         fmt::format("`podman rm --force {}`", container.name),
                         {},
                         {}});
    }
  }
  if (!container.volumes.empty()) remove_novice(container);
  remove_volumes(container);
  for (const auto& name : container.networks) remove_network(name);
}

void Podman::dismiss_supervisor(const OciContainer& container) const {
  if (container.supervisor.pid > 0) kernel::signal_process(container.supervisor, SIGKILL);
}

// What conmon would have done at the end: its word of it is left where podman looks. Before that
// podman notes that somebody has killed it: such a one nobody restarts. At no moment does podman
// think that it runs, or that it ended by itself; a healthcheck that fails now would start another.
void Podman::settle(const OciContainer& container) const {
  if (inspect(container.id).is_null()) {
    if (!container.keep) remove_volumes(container);
    return;
  }
  (void)only_note("kill", container);
  std::error_code none;
  if (fs::is_directory(container.exits, none)) write_new(container.exits / container.id, kKilled);
  if (!container.keep) return remove(container);
  const auto told = base::run({"podman", "container", "cleanup", container.id});
  const auto left = find(container.id);
  if (left && left->status != "exited") {
    throw base::Error({fmt::format("podman does not see that {} has ended", container.text()),
                       base::one_line(told.err),
                       fmt::format("`podman stop {}`", container.name),
                       {},
                       {}});
  }
}

Podman::Image Podman::image_of(const OciContainer& container) const {
  const auto found = require(container);
  return {found.value("Image", ""), found.value("ImageName", "")};
}

bool Podman::has_image(const std::string& id) const {
  return is_long_id(id) && base::run({"podman", "image", "exists", id}).status == 0;
}

// The id is a hash of what the image says of itself, which a conversion would change.
base::Argv Podman::save_image_command(const Image& image) const {
  const auto told =
      base::run({"podman", "image", "inspect", "--format", "{{.ManifestType}}", image.id});
  const bool is_oci = told.out.find("vnd.oci.") != std::string::npos;
  return {"podman", "save", "--quiet", "--format", is_oci ? "oci-archive" : "docker-archive", image.id};
}

void Podman::give_name(const Image& image) const {
  if (image.name.empty() || image.name.starts_with('-') ||
      base::run({"podman", "image", "exists", image.name}).status == 0)
    return;
  run({"podman", "tag", image.id, image.name}, fmt::format("cannot name the image {}", image.name));
}

void Podman::forbid_restarts(const OciContainer& container) const {
  if (container.restarts != kHealthcheck) return;
  const auto told = only_note("pause", container);
  if (part(inspect(container.id), "State").value("Status", "") == "paused") return;
  throw base::Error({fmt::format("podman does not leave the healthcheck of {} alone", container.text()),
                     base::one_line(told.err),
                     "see whether `podman pause` works",
                     {},
                     {}});
}

void Podman::allow_restarts(const OciContainer& container) const {
  if (container.restarts == kHealthcheck) (void)only_note("unpause", container);
}

namespace {

// podman's own, which ends with the container here.
void forget_network_path(json& configuration) {
  for (auto& space : configuration["linux"]["namespaces"]) {
    if (space.value("type", "") == "network") space.erase("path");
  }
}

}  // namespace

// Its config.json, and its volumes and networks besides, which are nothing of this host's then.
std::string Podman::definition(const OciContainer& container,
                               const std::optional<handover::Identity>& identity) const {
  auto configuration = read_configuration(container.bundle);
  configuration["Volumes"] = describe_volumes(container);
  const auto found = require(container);
  podman::describe_runtime(podman::runtime_of(found), configuration);
  const auto pid_file = found.value(kSupervisorPidFile, "");
  if (is_engines_own(pid_file, container.id)) configuration[kSupervisorPidFile] = pid_file;
  if (podman::is_on_networks(found)) {
    forget_network_path(configuration);
    configuration[kIsShared] = identity.has_value();
    configuration[kNetworksThere] = describe_networks(found);
    configuration[kPublishedPorts] = handover::texts_of(docker::published_ports(found));
  }
  return configuration.dump(2);
}

Reasons Podman::reasons_not_to_keep(const OciContainer& container) const {
  if (is_removed_at_end(read_configuration(container.bundle))) {
    return {{"its stopped copy cannot be kept", "podman removes it when it ends (--rm)",
             "move it without --keep-source"}};
  }
  const auto policy =
      part(part(require(container), "HostConfig"), "RestartPolicy").value("Name", "");
  if (policy != "always" && policy != "unless-stopped") return {};
  return {{"its stopped copy cannot be kept",
           "its restart policy would start a second one when this host starts",
           "move it without --keep-source"}};
}

}  // namespace ferry::runtime
