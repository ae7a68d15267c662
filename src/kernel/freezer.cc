// SPDX-License-Identifier: Apache-2.0
#include "kernel/freezer.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "kernel/mounts.h"

namespace ferry::kernel {

using base::Error;
using base::Path;
using base::SysError;

namespace {

struct Hierarchy {
  Path root;
  bool v2 = false;
};

// v1's freezer wins where it is mounted: on a hybrid host the v2 tree may lack what other tools expect of it.
Hierarchy find_hierarchy() {
  Hierarchy v2;
  for (const auto& mount : own_mounts()) {
    if (mount.type == "cgroup" && mount.options.contains("freezer")) return {mount.point, false};
    if (mount.type == "cgroup2") v2 = {mount.point, true};
  }
  if (v2.root.empty() || !std::filesystem::exists("/proc/self/cgroup")) {
    throw Error({"cannot freeze workloads on this host", "no cgroup freezer is mounted (v1 freezer or cgroup2)",
                 "mount -t cgroup2 none /sys/fs/cgroup", {}, {}}, base::Exit::kRefused);
  }
  return v2;
}

constexpr auto kPollInterval = std::chrono::microseconds(50);  // a freeze takes about 300 us

}  // namespace

Freezer Freezer::create(const std::string& name) {
  const Hierarchy hierarchy = find_hierarchy();
  const Path path = hierarchy.root / "ferry" / name;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw SysError("mkdir", error.value(), path.string());
  return Freezer(path, hierarchy.v2);
}

Freezer Freezer::create_empty(const std::string& name) {
  Freezer freezer = create(name);
  // Left frozen by a move that was killed: whoever joined it would hang.
  freezer.thaw();
  if (!freezer.pids().empty()) {
    base::refuse(fmt::format("cannot use the cgroup {}", freezer.path().string()), "there are processes in it already",
                 fmt::format("end them (their pids are in {}/cgroup.procs)", freezer.path().string()));
  }
  return freezer;
}

std::optional<Freezer> Freezer::find(const std::string& name) {
  const Hierarchy hierarchy = find_hierarchy();
  const Path path = hierarchy.root / "ferry" / name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return Freezer(path, hierarchy.v2);
}

Freezer Freezer::of(pid_t pid) {
  const Hierarchy hierarchy = find_hierarchy();
  return Freezer(base::Path(hierarchy.root.string() + freezer_cgroup_of(pid)), hierarchy.v2, false);
}

std::optional<Freezer> Freezer::at(const Path& path) {
  if (path.empty() || !std::filesystem::exists(path / "cgroup.procs")) return std::nullopt;
  return Freezer(path, std::filesystem::exists(path / "cgroup.freeze"), false);
}

void Freezer::add(pid_t pid) const { base::write_file(path_ / "cgroup.procs", std::to_string(pid)); }

std::vector<pid_t> Freezer::pids() const {
  std::vector<pid_t> found;
  std::istringstream lines(base::try_read_file(path_ / "cgroup.procs").value_or(""));
  for (pid_t pid; lines >> pid;) {
    if (pid > 0) found.push_back(pid);  // v2 shows 0 for a task of a foreign pid namespace; kill(0) would be our own group
  }
  return found;
}

bool Freezer::holds(pid_t pid) const {
  const auto below = of(pid).path().lexically_normal().lexically_relative(path_.lexically_normal());
  return !below.empty() && *below.begin() != "..";
}

bool Freezer::is_frozen() const {
  if (v2_) {
    return base::try_read_file(path_ / "cgroup.events").value_or("").find("frozen 1") != std::string::npos;
  }
  return base::try_read_file(path_ / "freezer.state").value_or("") == "FROZEN\n";
}

void Freezer::freeze(std::chrono::milliseconds limit) const {
  base::write_file(path_ / (v2_ ? "cgroup.freeze" : "freezer.state"), v2_ ? "1" : "FROZEN");
  const auto deadline = base::mono_now() + limit;
  while (!is_frozen()) {
    if (base::mono_now() > deadline) {
      thaw();
      throw Error({"cannot freeze the workload",
                   fmt::format("not all of its tasks stopped within {} ms", limit.count()),
                   "a task in uninterruptible sleep (state D: disk or network file system) cannot be "
                   "stopped; try again when it has gone on", {}, {}});
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

void Freezer::thaw() const {
  base::write_file(path_ / (v2_ ? "cgroup.freeze" : "freezer.state"), v2_ ? "0" : "THAWED");
}

void Freezer::kill_all() const {
  for (const pid_t pid : pids()) ::kill(pid, SIGKILL);
}

void Freezer::remove() const {
  if (!ours_) return;
  // Tasks that were just killed leave the cgroup a moment later.
  constexpr auto kPatience = std::chrono::milliseconds(2000);
  const auto deadline = base::mono_now() + kPatience;
  while (::rmdir(path_.c_str()) < 0 && errno == EBUSY && base::mono_now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::rmdir(path_.parent_path().c_str());
}

std::string freezer_cgroup_of(pid_t pid) {
  const bool v2 = find_hierarchy().v2;
  std::istringstream lines(base::try_read_file(fmt::format("/proc/{}/cgroup", pid)).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : ("," + controllers + ",").find(",freezer,") != std::string::npos) {
      return line.substr(second + 1);
    }
  }
  return "/";
}

void move_to_cgroup(pid_t pid, const std::string& cgroup) {
  base::write_file(find_hierarchy().root.string() + cgroup + "/cgroup.procs", std::to_string(pid));
}

}  // namespace ferry::kernel
