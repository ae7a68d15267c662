// SPDX-License-Identifier: Apache-2.0
#include "process/outsiders.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

namespace ferry::process {
namespace {

std::vector<int> numbers_in(const std::string& directory) {
  std::vector<int> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), &::closedir);
  if (!stream) return numbers;
  while (const dirent* entry = ::readdir(stream.get())) {
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') numbers.push_back(std::atoi(entry->d_name));
  }
  return numbers;
}

}  // namespace

// Links only, no fdinfo: some ten thousand of them take 20 ms.
void Outsiders::read() {
  read_ = true;
  const std::set<pid_t> inside(tree_.pids.begin(), tree_.pids.end());
  for (const pid_t pid : numbers_in("/proc")) {
    if (inside.contains(pid) || pid == ::getpid()) continue;
    const auto directory = fmt::format("/proc/{}/fd", pid);
    for (const int fd : numbers_in(directory)) {
      char target[256];  // longer ones are files
      const ssize_t size = ::readlink(fmt::format("{}/{}", directory, fd).c_str(), target, sizeof target);
      if (size > 0) holders_.emplace(std::string(target, static_cast<size_t>(size)), pid);
    }
  }
}

std::optional<std::string> Outsiders::holder_of(const std::string& target) {
  if (!read_) read();
  const auto found = holders_.find(target);
  if (found == holders_.end()) return std::nullopt;
  return fmt::format("{} (pid {})", kernel::comm_of(found->second), found->second);
}

}  // namespace ferry::process
