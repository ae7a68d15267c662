// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_tree.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "kernel/mounts.h"

namespace ferry::kernel {

namespace fs = std::filesystem;
using base::Path;

namespace {

constexpr auto kRemovePause = std::chrono::milliseconds(2);  // between two attempts

// Below a hierarchy's root, and nothing that climbs out of it again.
bool is_inner(const Path& below) {
  return !below.empty() && below != "." && std::ranges::find(below, Path("..")) == below.end();
}

}  // namespace

std::vector<Path> cgroup_directories(const std::string& path) {
  std::vector<Path> found;
  const Path below = Path(path).lexically_normal().relative_path();
  if (!is_inner(below)) return found;
  for (const auto& mount : own_mounts()) {
    std::error_code none;
    const auto directory = mount.point / below;
    if (mount.is_cgroup() && fs::is_directory(directory, none) &&
        std::ranges::find(found, directory) == found.end())
      found.push_back(directory);
  }
  return found;
}

std::string cgroup_path_of(const Path& directory) {
  for (const auto& mount : own_mounts()) {
    if (!mount.is_cgroup()) continue;
    const auto below = directory.lexically_normal().lexically_relative(mount.point);
    if (is_inner(below)) return (Path("/") / below).string();
  }
  return {};
}

void enter_cgroup(pid_t pid, const std::string& path) {
  const auto directories = cgroup_directories(path);
  if (directories.empty()) {
    throw base::Error({fmt::format("there is no cgroup {} on this host", path),
                       "no hierarchy that is mounted has it",
                       "",
                       {},
                       {}});
  }
  for (const auto& directory : directories)
    base::write_file(directory / "cgroup.procs", std::to_string(pid));
}

std::vector<Path> cgroups_below(const Path& directory) {
  std::vector<Path> below;
  std::error_code gone;
  for (fs::directory_iterator entry(directory, gone), end; !gone && entry != end;
       entry.increment(gone)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) below.push_back(entry->path());
  }
  return below;
}

bool remove_cgroup(const Path& directory) {
  for (const auto& below : cgroups_below(directory)) {
    if (!remove_cgroup(below)) return false;
  }
  return ::rmdir(directory.c_str()) == 0 || errno == ENOENT;
}

bool remove_cgroups(const std::string& path, std::chrono::milliseconds patience) {
  const auto deadline = base::mono_now() + patience;
  for (;;) {
    bool all = true;
    for (const auto& directory : cgroup_directories(path)) all = remove_cgroup(directory) && all;
    if (all || base::mono_now() > deadline) return all;
    std::this_thread::sleep_for(kRemovePause);
  }
}

}  // namespace ferry::kernel
