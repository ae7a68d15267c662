// SPDX-License-Identifier: Apache-2.0
#include "criu/lazy_entries.h"

#include <fmt/format.h>

#include "criu/image_file.h"

namespace ferry::criu {

std::optional<std::string> pages_nobody_restores(const base::Path& images) {
  constexpr uint32_t kLazy = 1u << 1;  // criu/include/pagemap.h: PE_LAZY
  const std::string prefix = "pagemap-", suffix = ".img";
  for (const auto& file : std::filesystem::directory_iterator(images)) {
    const std::string name = file.path().filename();
    if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.starts_with("pagemap-shmem"))
      continue;
    for (const auto& entry : ImageFile<image::PageRun>(file.path()).entries) {
      if ((entry.flags() & kLazy) == 0) continue;
      const std::string pid =
          name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
      return fmt::format("pages of process {} from {:x} on", pid, entry.address());
    }
  }
  return std::nullopt;
}

}  // namespace ferry::criu
