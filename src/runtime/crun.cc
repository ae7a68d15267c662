// SPDX-License-Identifier: Apache-2.0
#include "runtime/crun.h"

#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/program.h"
#include "kernel/cgroup_tree.h"
#include "runtime/crun_host.h"
#include "runtime/engine_root.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using base::Path;
using nlohmann::json;
using process::Reasons;

namespace {

// Of what arrives. Root's own runtime directory (below) ends with root's last session.
constexpr const char* kLastingState = "/run/crun";
constexpr const char* kStateOfSessions = "/run/user/0/crun";  // pam_systemd(8)
constexpr base::milliseconds kCgroupEmpties{2'000};

// Wherever root's containers may be known; most hosts have one of them.
std::vector<Path> usual_directories() {
  std::vector<Path> all{kLastingState, kStateOfSessions};
  if (const char* own = std::getenv("XDG_RUNTIME_DIR"); own != nullptr && *own == '/')
    all.insert(all.begin(), Path(own) / "crun");
  std::vector<Path> here;
  for (const auto& one : all) {
    std::error_code none;
    if (fs::is_directory(one, none) && std::ranges::find(here, one) == here.end())
      here.push_back(one);
  }
  return here;
}

std::vector<Path> directories_of(const std::string& root) {
  std::error_code none;
  if (root.empty()) return usual_directories();
  return fs::is_directory(root, none) ? std::vector<Path>{root} : std::vector<Path>{};
}

base::Argv crun_at(const Path& state) { return runtime_at("crun", state.string()); }

json parse_file(const Path& file) {
  return json::parse(base::try_read_file(file).value_or(""), nullptr, false);
}

// Its root filesystem is mounted there as long as CRIU needs it.
void free_restore_root(const Path& bundle) {
  const auto place = bundle / "criu-root";
  std::error_code none;
  if (bundle.empty() || !fs::is_directory(fs::symlink_status(place, none))) return;
  (void)::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  fs::remove(place, none);  // only when it is empty
}

// As crun takes its path (libcrun/cgroup-cgroupfs.c).
std::string usual_cgroup(const OciContainer& container) {
  const auto configuration = parse_file(container.bundle / "config.json");
  const auto linux_part =
      configuration.is_object() ? configuration.value("linux", json::object()) : json::object();
  return "/" + linux_part.value("cgroupsPath", container.id);
}

}  // namespace

Reasons Crun::host_reasons() const {
  return is_installed() ? crun_host_reasons(look_for_crun()) : Oci::host_reasons();
}

std::string Crun::version() const { return crun_version(look_for_crun().version); }

Reasons Crun::version_reasons(const std::string& theirs, const json& configuration) const {
  return crun_version_reasons(version(), theirs, configuration);
}

base::Argv Crun::command_for(const OciContainer& container) const {
  if (!container.runtime.empty()) return container.runtime;
  return crun_at(root_.empty() ? kLastingState : root_);
}

std::optional<OciState> Crun::find(const std::string& id) const {
  for (const auto& directory : directories_of(root_)) {
    std::error_code none;
    if (!fs::exists(directory / id / "status", none)) continue;
    auto state = ask_state(crun_at(directory), id);
    if (!state) continue;
    state->container.runtime = crun_at(directory);
    return state;
  }
  return std::nullopt;
}

std::vector<OciListed> Crun::running() const {
  std::vector<OciListed> all;
  for (const auto& directory : directories_of(root_)) {
    auto list = ask_list(crun_at(directory));
    for (auto& one : list) {  // `crun list` does not tell whose they are
      const auto configuration = parse_file(directory / one.value("id", "") / "config.json");
      if (configuration.is_object())
        one["annotations"] = configuration.value("annotations", json::object());
    }
    for (auto& one : runtime_listing(list)) {
      if (std::ranges::find(all, one.name, &OciListed::name) == all.end())
        all.push_back(std::move(one));
    }
  }
  return all;
}

Reasons Crun::own_reasons(const OciContainer& container) const {
  auto reasons = Oci::own_reasons(container);
  const auto configuration = read_configuration(container.bundle);
  for (const char* annotation : {"run.oci.delegate-cgroup", "run.oci.systemd.subgroup"}) {
    if (!configuration.value("annotations", json::object()).contains(annotation)) continue;
    reasons.push_back(
        {fmt::format("it has a part of its cgroup to itself (the annotation {})", annotation),
         "this version moves those that have one cgroup", "start it without"});
  }
  const auto status = parse_file(Path(command_for(container).back()) / container.id / "status");
  if (status.is_object() && status.value("systemd-cgroup", false)) {
    reasons.push_back({"systemd makes its cgroup (--systemd-cgroup)",
                       "on the target crun would make another one",
                       "start it without --systemd-cgroup"});
  }
  return reasons;
}

void Crun::remove(const OciContainer& container) const {
  auto command = command_for(container);
  const auto state = Path(command.back()) / container.id;
  std::error_code none;
  if (fs::exists(state, none)) {
    command.insert(command.end(), {"delete", "--force", container.id});
    const auto told = base::run(command);
    if (told.status != 0 && fs::exists(state, none)) {
      throw base::Error({fmt::format("crun cannot remove {}", container.id),
                         base::one_line(told.err),
                         "",
                         {},
                         {}});
    }
  }
  free_restore_root(container.bundle);
  const auto known = kernel::cgroup_path_of(container.cgroup);
  const auto cgroup = known.empty() ? usual_cgroup(container) : known;
  if (!kernel::remove_cgroups(cgroup, kCgroupEmpties))
    base::log("{}: its cgroup {} stays: there are processes in it", container.text(), cgroup);
}

// Its restore begins with its memory of the container, and ends with the status in it.
void Crun::remove_remains(const OciContainer& container) const noexcept {
  try {
    const auto state = Path(command_for(container).back()) / container.id;
    std::error_code none;
    if (!fs::exists(state, none) || fs::exists(state / "status", none)) return;
    remove(container);
  } catch (const std::exception& failure) {
    base::log("{}: {}", container.text(), failure.what());
  }
}

}  // namespace ferry::runtime
