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
#include "kernel/mounts.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using base::Path;
using nlohmann::json;
using process::Reasons;

namespace {

// Of what arrives. Root's own runtime directory (below) ends with root's last session.
constexpr const char* kLastingState = "/run/crun";
constexpr const char* kStateOfSessions = "/run/user/0/crun";  // pam_systemd(8)
constexpr const char* kLibrary = "libcriu.so.2";
constexpr const char* kUnified = "/sys/fs/cgroup/unified";
constexpr std::pair kNamesCgroup{1, 21};          // containers/crun c954b1b6
constexpr std::pair kSharesEmptyDirectory{1, 24};  // containers/crun d8a88c06
constexpr const char* kWhichCrun = "install crun 1.21 or later that is built with CRIU, as Debian 13 has it (`crun --version` says +CRIU)";
constexpr base::milliseconds kCgroupEmpties{2'000};

// Wherever root's containers may be known; most hosts have one of them.
std::vector<Path> state_directories() {
  std::vector<Path> all{kLastingState, kStateOfSessions};
  if (const char* own = std::getenv("XDG_RUNTIME_DIR"); own != nullptr && *own == '/') all.insert(all.begin(), Path(own) / "crun");
  std::vector<Path> here;
  for (const auto& one : all) {
    std::error_code none;
    if (fs::is_directory(one, none) && std::ranges::find(here, one) == here.end()) here.push_back(one);
  }
  return here;
}

base::Argv crun_at(const Path& state) { return {"crun", "--root", state.string()}; }

json parse_file(const Path& file) { return json::parse(base::try_read_file(file).value_or(""), nullptr, false); }

// The library is found as ld.so(8) finds it.
bool has_library() {
  if (base::try_read_file("/etc/ld.so.cache").value_or("").find(kLibrary) != std::string::npos) return true;
  for (const char* directory : {"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu"}) {
    std::error_code none;
    if (fs::exists(Path(directory) / kLibrary, none)) return true;
  }
  return false;
}

// One that is linked statically has it in itself.
bool needs_library(const Path& program) { return base::try_read_file(program).value_or("").find(kLibrary) != std::string::npos; }

std::string controllers_beside_v1() {
  const auto mounts = kernel::own_mounts();
  const bool is_mounted =
      std::ranges::any_of(mounts, [](const auto& mount) { return mount.type == "cgroup2" && mount.point == kUnified; });
  return is_mounted ? base::one_line(base::try_read_file(Path(kUnified) / "cgroup.controllers").value_or("")) : "";
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
  const auto linux_part = configuration.is_object() ? configuration.value("linux", json::object()) : json::object();
  return "/" + linux_part.value("cgroupsPath", container.id);
}

base::Path program_here() { return base::find_in_path("crun", program_path()); }

std::string words_of_version(const Path& program) { return base::run({program.string(), "--version"}).out; }

}  // namespace

std::string crun_version(const std::string& said) {
  const std::string before = "version ";
  const auto at = said.find(before);
  if (at == std::string::npos) return {};
  const auto rest = said.substr(at + before.size());
  return rest.substr(0, rest.find_first_of(" \n"));
}

Reasons crun_version_reasons(const std::string& here, const std::string& there, const json& configuration) {
  const auto masked = configuration.value("linux", json::object()).value("maskedPaths", json::array());
  if (masked.empty() || base::version_of(there) < kSharesEmptyDirectory || base::version_of(here) >= kSharesEmptyDirectory) return {};
  return {{fmt::format("crun {} here cannot restore what crun {} has made", here, there),
           "what covers its masked directories (linux.maskedPaths) is known to crun from 1.24 on", "install crun 1.24 or later here, too"}};
}

Reasons crun_host_reasons(const CrunHost& host) {
  Reasons reasons;
  const auto version = crun_version(host.version);
  if (host.version.find("+CRIU") == std::string::npos) {
    reasons.push_back({fmt::format("crun {} here is built without CRIU", version), "it can neither checkpoint nor restore", kWhichCrun});
  } else if (base::version_of(version) < kNamesCgroup) {
    reasons.push_back({fmt::format("crun {} here is older than 1.21", version),
                       "it does not say in which cgroup its CRIU is to restore, and the container would not be in its own", kWhichCrun});
  } else if (!host.has_library) {
    reasons.push_back({fmt::format("crun here does not find {}", kLibrary), "it calls CRIU through that library", "install it (the package libcriu2)"});
  }
  if (!host.hybrid.empty()) {
    reasons.push_back({fmt::format("crun cannot make containers with the cgroups of this host, which are hybrid: v1, and v2 with {} in {}", host.hybrid, kUnified),
                       "it takes one version or the other",
                       fmt::format("start the host with systemd.unified_cgroup_hierarchy=1, or umount {}", kUnified)});
  }
  return reasons;
}

Reasons Crun::host_reasons() const {
  const auto program = program_here();
  if (program.empty()) return Oci::host_reasons();
  return crun_host_reasons({words_of_version(program), !needs_library(program) || has_library(), controllers_beside_v1()});
}

std::string Crun::version() const {
  const auto program = program_here();
  return program.empty() ? "" : crun_version(words_of_version(program));
}

Reasons Crun::version_reasons(const std::string& theirs, const json& configuration) const {
  return crun_version_reasons(version(), theirs, configuration);
}

base::Argv Crun::command_for(const OciContainer& container) const {
  return container.runtime.empty() ? crun_at(kLastingState) : container.runtime;
}

std::optional<OciState> Crun::find(const std::string& id) const {
  for (const auto& directory : state_directories()) {
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
  for (const auto& directory : state_directories()) {
    auto list = ask_list(crun_at(directory));
    for (auto& one : list) {  // `crun list` does not tell whose they are
      const auto configuration = parse_file(directory / one.value("id", "") / "config.json");
      if (configuration.is_object()) one["annotations"] = configuration.value("annotations", json::object());
    }
    for (auto& one : runtime_listing(list)) {
      if (std::ranges::find(all, one.name, &OciListed::name) == all.end()) all.push_back(std::move(one));
    }
  }
  return all;
}

Reasons Crun::own_reasons(const OciContainer& container) const {
  auto reasons = Oci::own_reasons(container);
  const auto configuration = read_configuration(container.bundle);
  for (const char* annotation : {"run.oci.delegate-cgroup", "run.oci.systemd.subgroup"}) {
    if (!configuration.value("annotations", json::object()).contains(annotation)) continue;
    reasons.push_back({fmt::format("it has a part of its cgroup to itself (the annotation {})", annotation),
                       "this version moves those that have one cgroup", "start it without"});
  }
  const auto status = parse_file(Path(command_for(container).back()) / container.id / "status");
  if (status.is_object() && status.value("systemd-cgroup", false)) {
    reasons.push_back({"systemd makes its cgroup (--systemd-cgroup)", "on the target crun would make another one",
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
      throw base::Error({fmt::format("crun cannot remove {}", container.id), base::one_line(told.err), "", {}, {}});
    }
  }
  free_restore_root(container.bundle);
  const auto known = kernel::cgroup_path_of(container.cgroup);
  const auto cgroup = known.empty() ? usual_cgroup(container) : known;
  if (!kernel::remove_cgroups(cgroup, kCgroupEmpties)) base::log("{}: its cgroup {} stays: there are processes in it", container.text(), cgroup);
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
