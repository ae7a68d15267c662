// SPDX-License-Identifier: Apache-2.0
#include "criu/premapped_image.h"

#include <sys/mman.h>

#include <vector>

#include "criu/image_file.h"
#include "memory/premapped_areas.h"

namespace ferry::criu {
namespace {

// criu/include/image.h
constexpr uint32_t kRegular = 1u << 0, kStack = 1u << 1, kHeap = 1u << 5, kAnonymousPrivate = 1u << 9;

std::vector<base::Path> memory_images(const base::Path& images) {
  std::vector<base::Path> found;
  for (const auto& file : std::filesystem::directory_iterator(images)) {
    const std::string name = file.path().filename();
    if (name.starts_with("mm-") && name.ends_with(".img")) found.push_back(file.path());
  }
  return found;
}

bool is_anonymous(const image::Mapping& mapping) {
  constexpr uint32_t kKinds = kRegular | kStack | kHeap | kAnonymousPrivate;
  return (mapping.status() & kAnonymousPrivate) != 0 && (mapping.status() & ~kKinds) == 0 &&
         (mapping.flags() & MAP_GROWSDOWN) == 0;
}

}  // namespace

void name_premapped_areas(const base::Path& images) {
  const auto files = memory_images(images);
  if (files.size() > memory::kMostPremapped) return;
  for (const auto& path : files) {
    ImageFile<image::Memory> file(path);
    for (auto& memory : file.entries) {
      for (auto& mapping : *memory.mutable_vmas()) {
        if (is_anonymous(mapping)) mapping.set_pgoff(mapping.start());
      }
    }
    file.write();
  }
}

}  // namespace ferry::criu
