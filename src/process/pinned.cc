// SPDX-License-Identifier: Apache-2.0
#include "process/pinned.h"

#include <map>

namespace ferry::process {
namespace {

kernel::CpuSet online_cpus() {
  auto text = base::read_file("/sys/devices/system/cpu/online");
  text.erase(text.find_last_not_of('\n') + 1);
  return kernel::CpuSet::parse(text);
}

}  // namespace

std::vector<Pinned> pinned_threads(const Tree& tree) {
  // We may ourselves be pinned, or all of this host's tasks be kept to a part of it (cpusets).
  const auto ours = kernel::affinity_of(0);
  const auto online = online_cpus();
  std::map<kernel::CpuSet, std::vector<pid_t>> found;
  for (const pid_t pid : tree.pids) {
    for (const pid_t tid : kernel::threads_of(pid)) {
      const auto cpus = kernel::affinity_of(tid);
      if (!cpus || cpus == ours || cpus == online) continue;
      if (const auto inner = kernel::inner_pid(tid)) found[*cpus].push_back(*inner);
    }
  }
  std::vector<Pinned> pinned;
  for (auto& [cpus, tids] : found) pinned.push_back({cpus, std::move(tids)});
  return pinned;
}

}  // namespace ferry::process
