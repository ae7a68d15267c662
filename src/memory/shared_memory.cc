// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <optional>
#include <set>

#include "memory/vma.h"

namespace ferry::memory {

namespace {

constexpr std::string_view kGone = " (deleted)", kMemfd = "/memfd:", kAnonymous = "/dev/zero";

// Nothing: it is another kind of memory. In /proc/PID/maps a name with a backslash stands for another one.
std::optional<std::string> memfd_name_of(const Vma& vma) {
  std::string_view name = vma.name;
  if (vma.permissions[3] != 's' || !name.ends_with(kGone) || name.find('\\') != std::string_view::npos) return std::nullopt;
  name.remove_suffix(kGone.size());
  if (name == kAnonymous) return "";
  if (!name.starts_with(kMemfd)) return std::nullopt;
  return std::string(name.substr(kMemfd.size()));
}

std::optional<SharedMemory> open_shared(pid_t pid, const Vma& vma, const std::string& name) {
  auto file = base::try_open_file(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, vma.range.start, vma.range.end), O_RDONLY);
  struct stat about {};
  struct statfs system {};
  if (!file || ::fstat(file->get(), &about) < 0 || ::fstatfs(file->get(), &system) < 0) return std::nullopt;
  if (system.f_type != TMPFS_MAGIC) return std::nullopt;
  constexpr uint64_t kBlock = 512;  // stat(2): st_blocks
  return SharedMemory{about.st_dev, about.st_ino, name, static_cast<uint64_t>(about.st_size), static_cast<uint64_t>(about.st_blocks) * kBlock, std::move(*file)};
}

}  // namespace

std::vector<SharedMemory> shared_memory_of(const std::vector<pid_t>& pids) {
  std::set<uint64_t> seen;  // inodes: all are of the kernel's own tmpfs
  std::vector<SharedMemory> found;
  for (const pid_t pid : pids) {
    for (const Vma& vma : try_read_maps(pid).value_or(std::vector<Vma>())) {
      const auto name = memfd_name_of(vma);
      if (!name || seen.contains(vma.inode)) continue;
      auto memory = open_shared(pid, vma, *name);
      if (!memory || memory->bytes == 0) continue;
      seen.insert(vma.inode);
      found.push_back(std::move(*memory));
    }
  }
  return found;
}

}  // namespace ferry::memory
