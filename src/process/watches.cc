// SPDX-License-Identifier: Apache-2.0
#include "process/watches.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <sstream>

#include "kernel/mounts.h"

namespace ferry::process {
namespace {

struct Watch {
  dev_t device = 0;
  int type = 0;
  std::string handle;  // bytes
};

// "inotify wd:1 ino:2a sdev:800013 mask:2 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:2a0000…"; proc(5).
std::optional<Watch> parse_watch(const std::string& line) {
  unsigned device = 0, bytes = 0;
  int type = 0, text = 0;
  if (std::sscanf(line.c_str(), "inotify wd:%*x ino:%*x sdev:%x mask:%*x ignored_mask:%*x fhandle-bytes:%x fhandle-type:%x f_handle:%n",
                  &device, &bytes, reinterpret_cast<unsigned*>(&type), &text) != 3 ||
      text == 0 || bytes > MAX_HANDLE_SZ || line.size() < static_cast<size_t>(text) + 2 * bytes) {
    return std::nullopt;
  }
  constexpr unsigned kMinorBits = 20;  // of the kernel's own device numbers
  Watch watch{makedev(device >> kMinorBits, device & ((1u << kMinorBits) - 1)), type, {}};
  for (unsigned i = 0; i < bytes; ++i) {
    watch.handle += static_cast<char>(std::stoi(line.substr(static_cast<size_t>(text) + 2 * i, 2), nullptr, 16));
  }
  return watch;
}

// A place of each mounted filesystem, as we can open it.
std::map<dev_t, base::Path> mounts_seen_by(pid_t pid) {
  std::map<dev_t, base::Path> places;
  for (const auto& mount : kernel::mounts_of(pid)) places.try_emplace(mount.device, reachable(pid, mount.point.string()));
  return places;
}

std::optional<std::string> path_of(const Watch& watch, const base::Path& mount) {
  const auto where = base::try_open_file(mount, O_RDONLY | O_CLOEXEC);
  if (!where) return std::nullopt;
  alignas(file_handle) char buffer[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = reinterpret_cast<file_handle*>(buffer);
  handle->handle_bytes = static_cast<unsigned>(watch.handle.size());
  handle->handle_type = watch.type;
  std::memcpy(handle->f_handle, watch.handle.data(), watch.handle.size());
  const base::Fd file(::open_by_handle_at(where->get(), handle, O_PATH | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::error_code gone;
  const auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", file.get()), gone).string();
  return gone || !path.starts_with('/') || is_deleted(path) ? std::nullopt : std::optional(path);
}

}  // namespace

std::vector<std::string> watched_paths(const View& view) {
  std::set<std::string> paths;
  for (const auto& task : view.tasks) {
    std::map<dev_t, base::Path> mounts;
    for (const auto& file : task.files) {
      if (file.target != "anon_inode:inotify") continue;
      if (mounts.empty()) mounts = mounts_seen_by(task.pid);
      std::istringstream lines(file.info);
      for (std::string line; std::getline(lines, line);) {
        const auto watch = parse_watch(line);
        if (!watch || !mounts.contains(watch->device)) continue;
        if (auto path = path_of(*watch, mounts.at(watch->device))) paths.insert(*path);
      }
    }
  }
  return {paths.begin(), paths.end()};
}

}  // namespace ferry::process
