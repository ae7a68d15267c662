// SPDX-License-Identifier: Apache-2.0
#include "process/tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "process/view.h"

namespace ferry::process {

Tree read_tree(pid_t root) {
  if (!kernel::find_process(root)) {
    base::refuse(fmt::format("cannot find process {}", root), "there is no such pid on this host",
                 "`ferry ps` lists the workloads that ferry knows, `ps` all processes");
  }
  Tree tree{root, {root}};
  for (size_t at = 0; at < tree.pids.size(); ++at) {
    for (const pid_t child : kernel::children_of(tree.pids[at])) tree.pids.push_back(child);
  }
  return tree;
}

uint64_t memory_bytes(const Tree& tree) {
  uint64_t sum = 0;
  for (const pid_t pid : tree.pids) sum += kernel::resident_bytes(pid);
  return sum;
}

uint64_t anonymous_bytes(const Tree& tree) {
  uint64_t sum = 0;
  for (const pid_t pid : tree.pids) {
    const auto kib = kernel::status_field(pid, "RssAnon");  // "123 kB"; a zombie has none
    if (kib) sum += std::strtoull(kib->c_str(), nullptr, 10) * 1024;
  }
  return sum;
}

std::vector<pid_t> inner_tids(const Tree& tree) {
  std::vector<pid_t> tids;
  for (const pid_t pid : tree.pids) {
    for (const pid_t tid : kernel::threads_of(pid)) {
      if (const auto inner = kernel::inner_pid(tid)) tids.push_back(*inner);
    }
    if (const auto session = kernel::inner_pid(kernel::session_of(pid).value_or(0))) tids.push_back(*session);
  }
  std::ranges::sort(tids);
  const auto repeated = std::ranges::unique(tids);
  tids.erase(repeated.begin(), repeated.end());
  return tids;
}

pid_t pid_gap(const std::vector<pid_t>& taken) {
  constexpr pid_t kRoom = 64;        // CRIU and its few helpers
  constexpr pid_t kLowest = 300;     // below it the kernel does not come back after a wrap (RESERVED_PIDS)
  constexpr pid_t kHighest = 32768;  // the smallest pid_max a host may have
  constexpr pid_t kAhead = 1000;     // the workload forks on until it is frozen: not right behind its last one
  if (!taken.empty() && std::max(taken.back() + kAhead, kLowest) + kRoom < kHighest) {
    return std::max(taken.back() + kAhead, kLowest);
  }
  for (pid_t start = kLowest; start + kRoom < kHighest; start += kRoom) {
    const auto next = std::ranges::lower_bound(taken, start);
    if (next == taken.end() || *next > start + kRoom) return start;
  }
  base::refuse("cannot place this workload", "it has tasks all over the range of pids");
}

namespace {

bool is_of_every_host(const std::string& path) { return path.starts_with("/proc/") || path.starts_with("/sys/"); }

// The name may mean another file by now, or none.
bool is_at_its_name(pid_t pid, const kernel::OpenFile& file, const struct stat& open_file) {
  struct stat named {};
  return ::stat(fmt::format("/proc/{}/root{}", pid, file.target).c_str(), &named) == 0 && named.st_ino == open_file.st_ino &&
         named.st_dev == open_file.st_dev;
}

bool travels(pid_t pid, const kernel::OpenFile& file) {
  if (!file.target.starts_with('/') || is_of_every_host(file.target)) return false;
  struct stat open_file {};
  if (::stat(fmt::format("/proc/{}/fd/{}", pid, file.fd).c_str(), &open_file) < 0) return false;
  const bool written = S_ISREG(open_file.st_mode) && (file.flags & O_ACCMODE) != O_RDONLY;
  return (written || S_ISFIFO(open_file.st_mode)) && is_at_its_name(pid, file, open_file);
}

bool travels(pid_t pid, const Mapping& mapping) {
  if (!mapping.is_shared() || mapping.permissions[1] != 'w' || mapping.inode == 0 || !is_file_path(mapping.path)) return false;
  struct stat named {};
  return ::stat(fmt::format("/proc/{}/root{}", pid, mapping.path).c_str(), &named) == 0 && S_ISREG(named.st_mode);
}

}  // namespace

std::vector<std::string> written_files(const Tree& tree) {
  std::set<std::string> paths;
  for (const pid_t pid : tree.pids) {
    for (const auto& file : kernel::open_files(pid)) {
      if (travels(pid, file)) paths.insert(file.target);
    }
    for (const auto& mapping : mappings_of(pid)) {
      if (travels(pid, mapping)) paths.insert(mapping.path);
    }
  }
  return {paths.begin(), paths.end()};
}

void gather(pid_t root, const kernel::Freezer& freezer) {
  for (;;) {
    const auto inside = freezer.pids();
    bool moved = false;
    for (const pid_t pid : read_tree(root).pids) {
      if (std::ranges::find(inside, pid) != inside.end()) continue;
      try {
        freezer.add(pid);
        moved = true;
      } catch (const base::SysError&) {
        if (kernel::find_process(pid) && kernel::task_state(pid) != 'Z') throw;
      }
    }
    if (!moved) return;
  }
}

}  // namespace ferry::process
