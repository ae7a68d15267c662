// SPDX-License-Identifier: Apache-2.0
#include "process/view.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace ferry::process {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// "7f1c…-7f1d… r-xp 00000000 08:01 1234    /usr/lib/libc.so.6"; proc(5).
std::optional<Mapping> parse_mapping(const std::string& line) {
  Mapping mapping;
  unsigned long long start = 0, end = 0, inode = 0;
  unsigned device_major = 0, device_minor = 0;
  char permissions[5] = {};
  int rest = 0;
  if (std::sscanf(line.c_str(), "%llx-%llx %4s %*s %x:%x %llu %n", &start, &end, permissions, &device_major,
                  &device_minor, &inode, &rest) != 6) {
    return std::nullopt;
  }
  mapping.start = start;
  mapping.end = end;
  mapping.permissions = permissions;
  mapping.device = makedev(device_major, device_minor);
  mapping.inode = inode;
  mapping.path = line.substr(static_cast<size_t>(rest));
  return mapping;
}

}  // namespace

std::optional<std::string> Descriptor::field(const std::string& name) const { return kernel::field_in(info, name); }

std::string Task::label() const { return fmt::format("{} (pid {})", command, pid); }

bool View::holds(pid_t pid) const { return std::ranges::find(tree.pids, pid) != tree.pids.end(); }

std::vector<Descriptor> descriptors_of(pid_t pid) {
  std::vector<Descriptor> found;
  for (auto& open : kernel::open_files(pid)) {
    Descriptor descriptor{pid, open.fd, std::move(open.target), open.flags, {}, {}};
    // Through the link of /proc: the open file itself, whatever its name has become.
    if (::stat(fmt::format("/proc/{}/fd/{}", pid, open.fd).c_str(), &descriptor.status) < 0) continue;
    descriptor.info = base::try_read_file(fmt::format("/proc/{}/fdinfo/{}", pid, open.fd)).value_or("");
    found.push_back(std::move(descriptor));
  }
  return found;
}

std::vector<Mapping> mappings_of(pid_t pid) {
  std::vector<Mapping> found;
  std::istringstream lines(base::try_read_file(fmt::format("/proc/{}/maps", pid)).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (auto mapping = parse_mapping(line)) found.push_back(std::move(*mapping));
  }
  return found;
}

View look_at(const Tree& tree) {
  View view{tree, {}};
  for (const pid_t pid : tree.pids) {
    view.tasks.push_back({pid, kernel::comm_of(pid), descriptors_of(pid), mappings_of(pid)});
  }
  return view;
}

base::Path reachable(pid_t pid, const std::string& path) {
  const auto root = fmt::format("/proc/{}/root", pid);
  std::error_code gone;
  return std::filesystem::read_symlink(root, gone) == "/" ? base::Path(root + path) : base::Path(path);
}

bool is_deleted(const std::string& target) { return target.ends_with(kDeleted); }

std::string without_deleted(const std::string& target) {
  return is_deleted(target) ? target.substr(0, target.size() - kDeleted.size()) : target;
}

bool is_file_path(const std::string& path) {
  constexpr std::string_view kNotFiles[] = {"/memfd:", "/SYSV", "/dev/zero", "/anon_hugepage", "/[aio]", "/dmabuf:", "/i915"};
  return path.starts_with('/') &&
         std::ranges::none_of(kNotFiles, [&](std::string_view prefix) { return path.starts_with(prefix); });
}

}  // namespace ferry::process
