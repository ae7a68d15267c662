// SPDX-License-Identifier: Apache-2.0
#include "criu/written_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <set>

#include "criu/image_file.h"

namespace ferry::criu {
namespace {

bool is_written(uint32_t flags) { return (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY; }

// Files that are mapped so that what is written there goes into the file.
std::set<uint64_t> mapped_files(const base::Path& images) {
  constexpr uint32_t kSharedFile = 1u << 7;  // VMA_FILE_SHARED
  std::set<uint64_t> ids;
  for (const auto& entry : std::filesystem::directory_iterator(images)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("mm-") || !name.ends_with(".img")) continue;
    for (const auto& memory : ImageFile<image::Memory>(entry.path()).entries) {
      for (const auto& mapping : memory.vmas()) {
        if ((mapping.status() & kSharedFile) != 0 && is_written(mapping.fdflags())) ids.insert(mapping.shmid());
      }
    }
  }
  return ids;
}

}  // namespace

std::vector<std::string> written_files(const base::Path& images, WrittenBy means) {
  std::set<uint32_t> nameless;
  for (const auto& remapped : ImageFile<image::RemappedPath>(images / "remap-fpath.img").entries) nameless.insert(remapped.orig_id());
  const auto mapped = mapped_files(images);
  const bool by_any = means == WrittenBy::kAnyMeans;
  std::set<std::string> paths;
  for (const auto& file : ImageFile<image::OpenFile>(images / "files.img").entries) {
    if (!file.has_reg() || nameless.contains(file.id())) continue;
    const auto& name = file.reg().name();
    if (name.starts_with("/proc/") || name.starts_with("/sys/")) continue;  // every host has its own
    const bool written = mapped.contains(file.id()) || (by_any && is_written(file.reg().flags()));
    if ((S_ISREG(file.reg().mode()) && written) || (by_any && S_ISFIFO(file.reg().mode()))) paths.insert(name);
  }
  return {paths.begin(), paths.end()};
}

}  // namespace ferry::criu
