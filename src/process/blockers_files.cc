// SPDX-License-Identifier: Apache-2.0
//
// Open files that the target cannot open again, and pipes that would lose their other end.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statfs.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>

#include "base/units.h"
#include "kernel/mounts.h"
#include "kernel/namespaces.h"
#include "process/blocker_kinds.h"
#include "process/blockers.h"

namespace ferry::process {
namespace {

constexpr uint64_t kBlock = 512;  // unit of st_blocks
constexpr int kLooks = 5;         // at a file that is being renamed

std::set<std::string> mount_ids_of(pid_t pid) {
  std::set<std::string> ids;
  for (auto& mount : kernel::mounts_of(pid)) ids.insert(std::move(mount.id));
  return ids;
}

// On a mount of the kernel's own that no task sees.
bool is_message_queue(const Descriptor& file) {
  constexpr long kMqueueMagic = 0x19800202;  // include/uapi/linux/magic.h
  struct statfs where {};
  return ::statfs(fmt::format("/proc/{}/fd/{}", file.pid, file.fd).c_str(), &where) == 0 && where.f_type == kMqueueMagic;
}

// The task runs: a file that it renames, or closes, just now is asked for again.
bool is_at_its_name(const Descriptor& file) {
  const auto link = fmt::format("/proc/{}/fd/{}", file.pid, file.fd);
  for (int tries_left = kLooks; tries_left > 0; --tries_left) {
    struct stat held {}, named {};
    std::error_code gone;
    const auto name = std::filesystem::read_symlink(link, gone);
    if (gone || ::stat(link.c_str(), &held) != 0 || held.st_ino != file.status.st_ino) return true;  // it holds something else by now
    if (::lstat(reachable(file.pid, name).c_str(), &named) == 0 && named.st_ino == held.st_ino) return true;
  }
  return false;
}

// /proc/PID/… of a process that stays here; the tree's own come along, and every capsule has an init.
bool is_of_another_process(const View& view, const std::string& path) {
  int pid = 0;
  if (std::sscanf(path.c_str(), "/proc/%d", &pid) != 1 || pid == 1) return false;
  return std::ranges::none_of(view.tree.pids, [&](pid_t own) { return kernel::inner_pid(own) == pid || own == pid; });
}

void look_at_file(const View& view, const Task& task, const Descriptor& file, const std::set<std::string>& mounts,
                  OpenThings& open) {
  const auto mount = file.field("mnt_id");
  if (is_message_queue(file)) {
    return open.add(task, file.fd, "the POSIX message queue " + file.target, "CRIU cannot take message queues along", "use a socket or a pipe");
  }
  if (mount && !mounts.contains(*mount)) {
    return open.add(task, file.fd, file.target, "it is on a mount that the workload itself does not see, so it cannot be opened again",
                    "start it with clean descriptors: `ferry run`, or exec CMD 3>&- …");
  }
  if (is_of_another_process(view, file.target)) {
    return open.add(task, file.fd, file.target, "it describes a process that stays here", "let it close that file");
  }
  if (!S_ISREG(file.status.st_mode) || file.target.starts_with("/proc/")) return;
  const uint64_t held = static_cast<uint64_t>(file.status.st_blocks) * kBlock;
  if (file.status.st_nlink == 0 && held > kGhostLimit) {
    return open.add(task, file.fd, without_deleted(file.target),
                    fmt::format("that file is deleted and holds {}; what has no name travels with the pause, at most {}",
                                base::format_bytes(held), base::format_bytes(kGhostLimit)),
                    "let it truncate or close the file");
  }
  if (file.status.st_nlink > 0 && !is_at_its_name(file)) {
    open.add(task, file.fd, without_deleted(file.target),
             "that name is gone or means another file by now, and the file lives on under a name that the workload does not know",
             "let it open the file again (many programs do on SIGHUP)");
  }
}

}  // namespace

void add_file_blockers(const View& view, Reasons& reasons) {
  OpenThings open;
  // As the root task sees them, which CRIU goes by: one below it in a chroot is shown fewer. Nested namespaces have their own reason.
  const auto mounts = mount_ids_of(view.tree.root);
  const auto namespace_of_root = kernel::namespace_id(view.tree.root, "mnt");
  for (const auto& task : view.tasks) {
    if (kernel::namespace_id(task.pid, "mnt") != namespace_of_root) continue;
    for (const auto& file : task.files) {
      const bool device = S_ISCHR(file.status.st_mode) || S_ISBLK(file.status.st_mode);
      if (!device && !S_ISFIFO(file.status.st_mode) && is_file_path(file.target)) look_at_file(view, task, file, mounts, open);
    }
  }
  open.move_to(reasons);
}

void add_pipe_blockers(const View& view, Outsiders& outsiders, Reasons& reasons) {
  OpenThings open;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      if (!S_ISFIFO(file.status.st_mode)) continue;
      if ((file.flags & O_DIRECT) != 0) {
        open.add(task, file.fd, "a pipe in packet mode (O_DIRECT)", "CRIU does not keep the bounds of its packets", "use a socketpair of the type SOCK_SEQPACKET");
      }
      const auto other = outsiders.holder_of(file.target);
      if (!other) continue;
      const bool named = file.is_path();
      open.add(task, file.fd, named ? fmt::format("the FIFO {}", file.target) : file.target,
               fmt::format("{}, which is no part of the workload, has the same pipe and stays here", *other),
               "move the tree of both, or start it with its input and output in files or sockets");
    }
  }
  open.move_to(reasons);
}

}  // namespace ferry::process
