// SPDX-License-Identifier: Apache-2.0
#include "migration/early_smaps.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "criu/prepared_smaps.h"

namespace ferry::migration {

namespace {

std::string read_of(pid_t pid, const char* file) {
  return base::try_read_file(fmt::format("/proc/{}/{}", pid, file)).value_or("");
}

}  // namespace

void EarlySmaps::read_if_changed(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    if (!try_prepare(pid)) early_[pid] = read_of(pid, "smaps");
  }
}

std::optional<std::string> EarlySmaps::try_prepare(pid_t pid) const {
  const auto early = early_.find(pid);
  if (early == early_.end()) return std::nullopt;
  return criu::prepare_smaps(early->second, read_of(pid, "maps"));
}

std::string EarlySmaps::prepare(pid_t pid) {
  given_.erase(pid);
  const auto prepared = try_prepare(pid);
  return prepared ? given_[pid] = *prepared : std::string();
}

void EarlySmaps::begin_check() {
  check_ = std::async(std::launch::async, [this] {
    return std::ranges::all_of(given_, [](const auto& one) { return criu::same_for_criu(one.second, read_of(one.first, "smaps")); });
  });
}

bool EarlySmaps::holds() { return !check_.valid() || check_.get(); }

}  // namespace ferry::migration
