// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <set>

#include "memory/vma.h"

namespace ferry::memory {

namespace {

// Small enough for the CPU's cache: it is hashed next.
constexpr size_t kPiece = 256 << 10;

bool is_nameless_memory(const Vma& vma) {
  constexpr std::string_view kGone = " (deleted)";
  if (vma.permissions[3] != 's' || !vma.name.ends_with(kGone)) return false;
  return vma.name.starts_with("/dev/zero") || vma.name.starts_with("/memfd:") ||
         vma.name.starts_with("/dev/shm/");
}

}  // namespace

std::vector<SharedMemory> shared_memory_of(const std::vector<pid_t>& pids) {
  std::set<std::pair<std::string, uint64_t>> seen;
  std::vector<SharedMemory> found;
  for (const pid_t pid : pids) {
    for (const Vma& vma : try_read_maps(pid).value_or(std::vector<Vma>())) {
      if (!is_nameless_memory(vma) || !seen.emplace(vma.name, vma.inode).second) continue;
      found.push_back(
          {vma.name, vma.inode,
           fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, vma.range.start, vma.range.end)});
    }
  }
  return found;
}

void read_shared(const SharedMemory& memory,
                 const std::function<void(std::span<const std::byte> pages)>& take) {
  const auto fd = base::try_open_file(memory.file, O_RDONLY);
  if (!fd) return;
  std::vector<std::byte> buffer(kPiece);
  off_t at = 0;
  while ((at = ::lseek(fd->get(), at, SEEK_DATA)) >= 0) {
    const off_t hole = ::lseek(fd->get(), at, SEEK_HOLE);
    while (at < hole) {
      const auto want = std::min(buffer.size(), static_cast<size_t>(hole - at));
      const auto got = ::pread(fd->get(), buffer.data(), want, at);
      if (got < static_cast<ssize_t>(kPageBytes)) return;  // cut short meanwhile
      const size_t whole = static_cast<size_t>(got) / kPageBytes * kPageBytes;
      take(std::span(buffer).first(whole));
      at += static_cast<off_t>(whole);
    }
  }
}

}  // namespace ferry::memory
