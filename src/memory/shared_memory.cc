// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <map>
#include <optional>

#include "memory/vma.h"

namespace ferry::memory {

namespace {

constexpr std::string_view kGone = " (deleted)", kMemfd = "/memfd:", kAnonymous = "/dev/zero";

// Nothing: it is another kind of memory. In /proc/PID/maps a name with a backslash stands for another one.
std::optional<std::string> memory_name(std::string_view name) {
  if (!name.ends_with(kGone) || name.find('\\') != std::string_view::npos) return std::nullopt;
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
  return SharedMemory{about.st_dev, about.st_ino, name, static_cast<uint64_t>(about.st_size), static_cast<uint64_t>(about.st_blocks) * kBlock, std::move(*file), {}};
}

}  // namespace

bool is_anonymous_shared(std::string_view name) { return memory_name(name) == ""; }

std::vector<SharedMemory> shared_memory_of(const std::vector<pid_t>& pids) {
  std::map<uint64_t, std::optional<SharedMemory>> seen;  // by inode: all are of the kernel's own tmpfs
  for (const pid_t pid : pids) {
    for (const Vma& vma : try_read_maps(pid).value_or(std::vector<Vma>())) {
      const auto name = vma.permissions[3] == 's' ? memory_name(vma.name) : std::nullopt;
      if (!name) continue;
      auto& memory = seen[vma.inode];
      if (!memory) memory = open_shared(pid, vma, *name);
      if (memory) memory->mappings.push_back({pid, vma.range, vma.offset});
    }
  }
  std::vector<SharedMemory> found;
  for (auto& [inode, memory] : seen) {
    if (memory && memory->bytes > 0) found.push_back(std::move(*memory));
  }
  return found;
}

}  // namespace ferry::memory
