// SPDX-License-Identifier: Apache-2.0
#include "criu/held_uffd.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace ferry::criu {

namespace fs = std::filesystem;

std::vector<int> held_userfaultfds(pid_t pid) {
  std::vector<int> held;
  std::error_code gone;  // it, or one of its descriptors, meanwhile
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), gone)) {
    const int fd = std::stoi(entry.path().filename());
    if (fd < kFirstHeldFd) continue;
    std::error_code closed;
    if (fs::read_symlink(entry.path(), closed) == "anon_inode:[userfaultfd]") held.push_back(fd);
  }
  std::ranges::sort(held);
  return held;
}

std::string hold_setting() { return fmt::format("{}=1", kHoldVariable); }

}  // namespace ferry::criu
