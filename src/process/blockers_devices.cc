// SPDX-License-Identifier: Apache-2.0
//
// Devices and terminals. CRIU reopens the memory devices by name and rebuilds a pty pair that is whole in the tree; everything
// else of this kind it refuses (criu/files.c: dump_chrdev) or could not find again on the target.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <set>

#include "process/blocker_kinds.h"

namespace ferry::process {
namespace {

constexpr unsigned kMemoryMajor = 1, kTtyMajor = 4, kConsoleMajor = 5, kPtsMajor = 136, kLastPtsMajor = 143;
constexpr unsigned kOwnTerminal = 0, kPtyMaster = 2;  // minors of kConsoleMajor: /dev/tty, /dev/ptmx

// null, zero, full, random, urandom, kmsg: the same on every host. Not mem and port, which are this machine.
bool is_memory_device(dev_t device) {
  constexpr std::array<unsigned, 6> kFine = {3, 5, 7, 8, 9, 11};
  return major(device) == kMemoryMajor && std::ranges::find(kFine, minor(device)) != kFine.end();
}

bool is_pts(dev_t device) { return major(device) >= kPtsMajor && major(device) <= kLastPtsMajor; }
bool is_pty_master(dev_t device) { return device == makedev(kConsoleMajor, kPtyMaster); }
bool is_terminal(dev_t device) { return is_pts(device) || major(device) == kTtyMajor || major(device) == kConsoleMajor; }

// The numbers of the ptys whose master is open inside the tree: those are whole.
std::set<unsigned> own_ptys(const View& view) {
  std::set<unsigned> numbers;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      if (!S_ISCHR(file.status.st_mode) || !is_pty_master(file.status.st_rdev)) continue;
      if (const auto number = file.field("tty-index")) numbers.insert(static_cast<unsigned>(std::stoul(*number)));
    }
  }
  return numbers;
}

dev_t controlling_terminal(pid_t pid) {
  const auto stat = base::try_read_file(fmt::format("/proc/{}/stat", pid)).value_or("");
  int64_t parent, group, session, terminal = 0;
  char state;
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  if (std::sscanf(stat.c_str() + name_end + 1, " %c %ld %ld %ld %ld", &state, &parent, &group, &session, &terminal) != 5) return 0;
  return static_cast<dev_t>(terminal);
}

constexpr const char* kWhyDevice = "a device keeps its state in this host's kernel or hardware, and CRIU cannot take that along";

}  // namespace

void add_device_blockers(const View& view, Reasons& reasons) {
  OpenThings open;
  for (const auto& task : view.tasks) {
    std::set<std::string> seen;
    for (const auto& file : task.files) {
      const mode_t mode = file.status.st_mode;
      const dev_t device = file.status.st_rdev;
      if (!S_ISCHR(mode) && !S_ISBLK(mode)) continue;
      if (S_ISCHR(mode) && (is_memory_device(device) || is_terminal(device))) continue;
      seen.insert(file.target);
      open.add(task, file.fd, file.target, kWhyDevice, "let it close the device before the move, or run it without that device");
    }
    for (const auto& mapping : task.mappings) {
      if (!is_file_path(mapping.path) || !mapping.path.starts_with("/dev/") || is_deleted(mapping.path)) continue;
      struct stat status {};
      if (::stat(reachable(task.pid, mapping.path).c_str(), &status) < 0 || S_ISREG(status.st_mode)) continue;
      if (is_memory_device(status.st_rdev) || !seen.insert(mapping.path).second) continue;
      reasons.push_back({fmt::format("{} has {} mapped into its memory", task.label(), mapping.path), kWhyDevice,
                         "let it unmap the device before the move, or run it without that device"});
    }
  }
  open.move_to(reasons);
}

void add_terminal_blockers(const View& view, Outsiders& outsiders, Reasons& reasons) {
  const auto own = own_ptys(view);
  OpenThings open;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      dev_t device = file.status.st_rdev;
      if (!S_ISCHR(file.status.st_mode) || !is_terminal(device) || is_pty_master(device)) continue;
      if (device == makedev(kConsoleMajor, kOwnTerminal)) device = controlling_terminal(task.pid);
      if (is_pts(device) && own.contains(minor(device))) continue;
      const auto holder = outsiders.holder_of(file.target);
      open.add(task, file.fd, fmt::format("the terminal {}", file.target),
               fmt::format("the terminal stays on this host{}", holder ? fmt::format(", where {} has it too", *holder) : ""),
               "start it without one: `ferry run --name NAME -- CMD`, or setsid CMD </dev/null >LOG 2>&1");
    }
  }
  open.move_to(reasons);
}

}  // namespace ferry::process
