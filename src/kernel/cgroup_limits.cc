// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "kernel/cgroup_tree.h"

namespace ferry::kernel {
namespace {

using base::Path;

// Of v2, then of v1. CPUs and nodes (cpuset) are a host's own, and so are devices (io).
constexpr std::array<std::string_view, 13> kLimitFiles = {"cpu.max",
                                                          "cpu.weight",
                                                          "memory.low",
                                                          "memory.high",
                                                          "memory.max",
                                                          "memory.swap.max",
                                                          "pids.max",
                                                          "cpu.shares",
                                                          "cpu.cfs_period_us",
                                                          "cpu.cfs_quota_us",
                                                          "memory.limit_in_bytes",
                                                          "memory.soft_limit_in_bytes",
                                                          "memory.memsw.limit_in_bytes"};
// On v1 memory is never to have more than memory and swap, so which is set first depends on where
// they go.
constexpr int kLimitPasses = 2;

std::optional<std::string> value_of(const Path& file) {
  auto text = base::try_read_file(file);
  if (text && !text->empty() && text->back() == '\n') text->pop_back();
  return text;
}

// The file in the hierarchy that has it.
std::optional<Path> find_limit_file(const std::vector<Path>& directories, const std::string& name) {
  if (std::ranges::find(kLimitFiles, name) == kLimitFiles.end()) return std::nullopt;
  for (const auto& directory : directories) {
    if (std::filesystem::exists(directory / name)) return directory / name;
  }
  return std::nullopt;
}

std::string try_set(const Path& file, const std::string& value) {
  if (value_of(file) == value) return {};
  try {
    base::write_file(file, value);
    return {};
  } catch (const base::SysError& failure) {
    return fmt::format("{} is not set to {}: {}", file.filename().string(), value, failure.what());
  }
}

}  // namespace

std::vector<CgroupLimit> limits_of(const std::string& path) {
  std::vector<CgroupLimit> limits;
  const auto directories = cgroup_directories(path);
  for (const auto name : kLimitFiles) {
    const auto file = find_limit_file(directories, std::string(name));
    const auto value = file ? value_of(*file) : std::nullopt;
    if (value) limits.push_back({std::string(name), *value});
  }
  return limits;
}

std::vector<std::string> set_limits(const std::string& path,
                                    const std::vector<CgroupLimit>& limits) {
  const auto directories = cgroup_directories(path);
  std::vector<std::string> refused;
  for (int pass = 0; pass < kLimitPasses; ++pass) {
    refused.clear();
    for (const auto& limit : limits) {
      const auto file = find_limit_file(directories, limit.file);
      auto why = file ? try_set(*file, limit.value) : std::string();
      if (!why.empty()) refused.push_back(std::move(why));
    }
  }
  return refused;
}

}  // namespace ferry::kernel
