// SPDX-License-Identifier: Apache-2.0
//
// The source's half: what the workload uses that does not travel.
#include "migration/requirements.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

#include "base/clock.h"
#include "base/error.h"
#include "capsule/record.h"
#include "criu/installation.h"
#include "files/fingerprint.h"
#include "kernel/cpu.h"
#include "kernel/namespaces.h"
#include "migration/plan.h"
#include "migration/service_place.h"
#include "process/listeners.h"
#include "process/watches.h"

namespace ferry::migration {
namespace {

using process::Descriptor;
using process::View;

constexpr size_t kHeadBytes = 1024;          // of a file that travels: enough to tell it from another
constexpr uint64_t kStateBytes = 16u << 20;  // CRIU's images besides the memory

// proc, sysfs, cgroups and the like: the same names on every Linux host, with contents of their own.
bool is_kernel_filesystem(const base::Path& path) {
  struct statfs where {};
  if (::statfs(path.c_str(), &where) < 0) return false;
  constexpr std::array<uint32_t, 9> kMagic = {0x9fa0 /* proc */,        0x62656572 /* sysfs */,     0x27e0eb /* cgroup */,
                                              0x63677270 /* cgroup2 */, 0x74726163 /* tracefs */,   0x64626720 /* debugfs */,
                                              0x6165676c /* pstore */,  0x73636673 /* securityfs */, 0x1cd1 /* devpts */};
  return std::ranges::find(kMagic, static_cast<uint32_t>(where.f_type)) != kMagic.end();
}

// A regular file that is open for writing, and still has its name.
bool is_written(const Descriptor& file) {
  struct stat named {};
  return S_ISREG(file.status.st_mode) && (file.flags & O_ACCMODE) != O_RDONLY && ::stat(process::reachable(file.pid, file.target).c_str(), &named) == 0 &&
         named.st_ino == file.status.st_ino && named.st_dev == file.status.st_dev;
}

class Gatherer {
 public:
  // `made_there`: the directory that the target makes for every workload.
  Gatherer(const View& view, const std::vector<std::string>& carried, uint64_t image_bytes, std::string made_there,
           wire::Requirements& needed)
      : view_(view), carried_(carried.begin(), carried.end()), image_bytes_(image_bytes), made_there_(std::move(made_there)), needed_(needed) {}

  void run() {
    for (const auto& task : view_.tasks) {
      for (const char* link : {"cwd", "root"}) add_directory_link(fmt::format("/proc/{}/{}", task.pid, link));
      add_program(task.pid);
      for (const auto& mapping : task.mappings) {
        if (mapping.inode != 0 && process::is_file_path(mapping.path)) add_file(task.pid, mapping.path);
      }
      for (const auto& file : task.files) add_descriptor(file);
    }
    for (auto& path : process::watched_paths(view_)) special_.insert(std::move(path));
    for (const auto& path : carried_) directories_.insert(base::Path(path).parent_path());
    directories_.erase(made_there_);
    for (const auto& path : directories_) needed_.add_directories(path);
    for (const auto& path : special_) needed_.add_special_files(path);
    add_carried_starts();
    add_room();
  }

  // A carried file is built beside its place: its whole size must be free, whatever is there already.
  void add_room() {
    std::map<std::string, uint64_t> bytes;
    for (const auto& path : carried_) {
      std::error_code gone;
      const auto size = std::filesystem::file_size(process::reachable(view_.tree.root, path), gone);
      if (!gone) bytes[base::Path(path).parent_path()] += size;
    }
    bytes["/dev/shm"] += image_bytes_ + kStateBytes;
    for (const auto& [directory, size] : bytes) {
      auto& room = *needed_.add_room();
      room.set_directory(directory);
      room.set_bytes(size);
    }
  }

 private:
  void add_directory_link(const std::string& link) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(link, gone).string();
    if (!gone && target != "/" && !process::is_deleted(target)) directories_.insert(target);
  }

  void add_program(pid_t pid) {
    std::error_code gone;
    const auto program = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), gone);
    if (!gone) add_file(pid, program.string());
  }

  void add_file(pid_t pid, const std::string& path) {
    if (process::is_deleted(path) || carried_.contains(path) || !seen_.insert(path).second) return;
    const auto where = process::reachable(pid, path);
    if (is_kernel_filesystem(where)) return;
    const auto print = files::fingerprint_of(where);
    if (!print) return;
    auto& file = *needed_.add_files();
    file.set_path(path);
    file.set_size(print->size);
    file.set_build_id(print->build_id);
    file.set_sample_hash(print->sample_hash);
  }

  void add_descriptor(const Descriptor& file) {
    const mode_t mode = file.status.st_mode;
    if (S_ISCHR(mode) && file.status.st_rdev == makedev(5, 2)) {
      if (const auto number = file.field("tty-index")) needed_.add_terminals(static_cast<uint32_t>(std::stoul(*number)));
      return;
    }
    if (!file.is_path() || process::is_deleted(file.target) || !process::is_file_path(file.target)) return;
    if (file.target.starts_with("/proc/")) return;  // of its own tasks, or of every host
    if (is_written(file)) return;                   // it travels, or has been closed since it was seen
    if (S_ISDIR(mode)) {
      directories_.insert(file.target);
    } else if (S_ISREG(mode) && !is_kernel_filesystem(process::reachable(file.pid, file.target))) {
      add_file(file.pid, file.target);
    } else if (!file.target.starts_with("/dev/pts/") && !carried_.contains(file.target)) {
      special_.insert(file.target);
    }
  }

  void add_carried_starts() {
    for (const auto& path : carried_) {
      const auto here = process::reachable(view_.tree.root, path);
      struct stat info {};
      if (::stat(here.c_str(), &info) < 0 || !S_ISREG(info.st_mode)) continue;  // a FIFO must not even be opened: it is in use
      const auto file = base::try_open_file(here, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      if (!file) continue;
      std::vector<std::byte> head(kHeadBytes);
      head.resize(base::read_full(file->get(), head));
      auto& start = *needed_.add_carried();
      start.set_path(path);
      start.set_size(static_cast<uint64_t>(info.st_size));
      start.set_head(head.data(), head.size());
      start.set_inode(info.st_ino);
    }
  }

  const View& view_;
  std::set<std::string> carried_, seen_, directories_, special_;
  const uint64_t image_bytes_;
  const std::string made_there_;
  wire::Requirements& needed_;
};

void describe_host(wire::Requirements& needed) {
  utsname names{};
  ::uname(&names);
  needed.set_kernel_release(names.release);
  needed.set_machine(names.machine);
  try {
    needed.set_criu_version(criu::Installation::find().version());
  } catch (const base::Error&) {  // a reason of the source's own: own_reasons()
  }
  const auto cpu = kernel::read_cpu();
  needed.set_cpu_model(cpu.model);
  for (const auto& feature : cpu.features) needed.add_cpu_features(feature);
}

}  // namespace

wire::Requirements gather_requirements(const runtime::Workload& workload, const View& view,
                                       const std::vector<std::string>& carried, const MemoryNeed& memory) {
  wire::Requirements needed;
  describe_host(needed);
  needed.set_memory_bytes(memory.peak() + kStateBytes);
  Gatherer gatherer(view, carried, memory.images, capsule::directory_of(workload.name).string(), needed);
  workload.container ? gatherer.add_room() : gatherer.run();  // what a container uses is in its root filesystem
  for (const auto& bind : workload.binds) {
    if (!bind.is_sent) continue;
    auto& room = *needed.add_room();
    room.set_directory(bind.path.string());
    room.set_bytes(bind.bytes);
  }
  if (workload.identity) {
    describe_address(workload, *needed.mutable_identity());
  } else if (kernel::namespace_id(workload.root.pid, "net") == kernel::namespace_id(::getpid(), "net")) {
    for (const auto& listener : process::listeners_of(view)) {
      auto& port = *needed.add_ports();
      port.set_udp(listener.udp);
      port.set_address(listener.address);
      port.set_port(listener.port);
    }
  }
  if (workload.service) describe(*workload.service, *needed.mutable_service());
  needed.set_real_ns(base::real_ns());
  return needed;
}

process::Reason reason_of(const base::Explanation& explanation) { return {explanation.what, explanation.why, explanation.remedy}; }

std::string text_of(const process::Reason& reason) {
  return fmt::format("{}: {}{}", reason.what, reason.why, reason.remedy.empty() ? "" : "\n      to do: " + reason.remedy);
}

void refuse_if_any(const std::string& workload, const process::Reasons& reasons) {
  if (reasons.empty()) return;
  if (reasons.size() == 1) {
    base::refuse(fmt::format("cannot move {}", workload), fmt::format("{}: {}", reasons[0].what, reasons[0].why), reasons[0].remedy);
  }
  std::string all = fmt::format("there are {} reasons", reasons.size());
  for (const auto& reason : reasons) all += "\n    - " + text_of(reason);
  base::refuse(fmt::format("cannot move {}", workload), std::move(all));
}

}  // namespace ferry::migration
