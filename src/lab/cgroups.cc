// SPDX-License-Identifier: Apache-2.0
#include "lab/cgroups.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/log.h"
#include "kernel/cgroup_tree.h"
#include "kernel/mounts.h"

namespace ferry::lab {

using base::Path;
using base::SysError;

namespace {

constexpr const char* kCgroupTop = "/sys/fs/cgroup";
constexpr const char* kHostsOwn = "init";  // of the processes that a host starts with

std::set<std::string> split(const std::string& list) {
  std::set<std::string> parts;
  std::istringstream text(list);
  for (std::string part; std::getline(text, part, ',');) parts.insert(part);
  return parts;
}

struct CgroupMount {
  bool v2 = false;
  std::set<std::string> options;  // the controllers are among them
  Path root, mount_point;
};

std::vector<CgroupMount> cgroup_mounts() {
  std::vector<CgroupMount> mounts;
  for (const auto& mount : kernel::own_mounts()) {
    if (mount.is_cgroup())
      mounts.push_back({mount.type == "cgroup2", mount.options, mount.root, mount.point});
  }
  return mounts;
}

// The directory that shows cgroup `path` of a hierarchy through `mount`; nothing when it is outside of what is mounted.
std::optional<Path> shown_by(const CgroupMount& mount, const Path& path) {
  const Path below = path.lexically_relative(mount.root);
  if (below.empty() || *below.begin() == "..") return std::nullopt;
  const Path directory = below == "." ? mount.mount_point : mount.mount_point / below;
  if (::access(directory.c_str(), F_OK) != 0) return std::nullopt;
  return directory;
}

std::vector<Hierarchy> hierarchies_of(pid_t pid) {
  const auto mounts = cgroup_mounts();
  std::vector<Hierarchy> found;
  // Read whole: the file changes under a process that is moving itself.
  std::istringstream lines(base::read_file(pid == 0 ? Path("/proc/self/cgroup")
                                                    : Path(fmt::format("/proc/{}/cgroup", pid))));
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const auto wanted = split(controllers);
    for (const auto& mount : mounts) {
      const bool same = controllers.empty()
                            ? mount.v2
                            : !mount.v2 && std::includes(mount.options.begin(), mount.options.end(),
                                                         wanted.begin(), wanted.end());
      if (!same) continue;
      if (const auto own = shown_by(mount, line.substr(second + 1))) {
        found.push_back({controllers, mount.mount_point, *own});
        break;
      }
    }
  }
  return found;
}

// v1: a new cpuset has no CPUs and no memory, and nobody may join it before it has both.
void fill_cpuset(const Path& parent, const Path& directory) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    base::write_file(directory / file, base::read_file(parent / file));
  }
}

bool is_v2_alone(const std::vector<Hierarchy>& hierarchies) {
  return hierarchies.size() == 1 && hierarchies[0].is_v2();
}

}  // namespace

std::vector<Hierarchy> find_hierarchies() { return hierarchies_of(0); }

std::vector<Path> make_cgroups(const std::vector<Hierarchy>& hierarchies, const std::string& name) {
  std::vector<Path> made;
  for (const auto& hierarchy : hierarchies) {
    const Path directory = hierarchy.own / name;
    if (::mkdir(directory.c_str(), 0755) < 0) throw SysError("mkdir", errno, directory.string());
    made.push_back(directory);
    if (split(hierarchy.controllers).contains("cpuset")) fill_cpuset(hierarchy.own, directory);
  }
  return made;
}

void join_cgroups(const std::vector<Path>& directories) {
  for (const auto& directory : directories) base::write_file(directory / "cgroup.procs", "0");
}

void hand_on_controllers(const std::vector<Hierarchy>& hierarchies, const std::vector<Path>& directories) {
  if (!is_v2_alone(hierarchies)) return;
  const Path &top = directories.front(), below = top / kHostsOwn;
  std::istringstream controllers(base::read_file(top / "cgroup.controllers"));
  std::string controller;
  if (!(controllers >> controller)) return;
  if (::mkdir(below.c_str(), 0755) < 0) throw SysError("mkdir", errno, below.string());
  base::write_file(below / "cgroup.procs", "0");
  do {
    try {
      base::write_file(top / "cgroup.subtree_control", "+" + controller);
    } catch (const SysError& failure) {
      base::log("{}", failure.what());  // this one stays the machine's
    }
  } while (controllers >> controller);
}

std::vector<Path> cgroups_of(pid_t pid) {
  std::vector<Path> directories;
  for (const auto& hierarchy : hierarchies_of(pid)) directories.push_back(hierarchy.own);
  return directories;
}

void thaw_tree(const Path& directory) {
  for (const auto& [file, value] : {std::pair{"freezer.state", "THAWED"}, std::pair{"cgroup.freeze", "0"}}) {
    try {
      if (std::filesystem::exists(directory / file)) base::write_file(directory / file, value);
    } catch (const SysError& failure) {
      base::log("{}", failure.what());  // removed at this moment, or the next pass gets it
    }
  }
  for (const auto& below : kernel::cgroups_below(directory)) thaw_tree(below);
}

void mount_hierarchies(const std::vector<Hierarchy>& hierarchies, const Path& root) {
  const auto mount = [](const char* type, const Path& where, unsigned long flags, const std::string& data) {
    std::filesystem::create_directories(where);
    if (::mount("cgroup", where.c_str(), type, flags | MS_NOSUID | MS_NODEV | MS_NOEXEC, data.c_str()) < 0) {
      throw SysError("mount", errno, where.string());
    }
  };
  if (hierarchies.empty()) return;
  const bool pure_v2 = is_v2_alone(hierarchies);
  const Path top = root / Path(kCgroupTop).relative_path();
  if (!pure_v2) mount("tmpfs", top, 0, "mode=755");
  for (const auto& hierarchy : hierarchies) {
    if (pure_v2) {
      mount("cgroup2", top, 0, "");
    } else if (hierarchy.is_v2()) {
      mount("cgroup2", top / "unified", 0, "");
    } else {
      // The machine's own place, so that what is configured for it works in the host too.
      const Path name = hierarchy.mount_point.filename();
      mount("cgroup", top / name, 0, hierarchy.controllers);
      for (const auto& controller : split(hierarchy.controllers)) {
        if (controller.find('=') != std::string::npos || controller == name) continue;
        std::error_code exists;
        std::filesystem::create_symlink(name, top / controller, exists);
      }
    }
  }
}

}  // namespace ferry::lab
