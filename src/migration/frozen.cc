// SPDX-License-Identifier: Apache-2.0
#include "migration/frozen.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"

namespace ferry::migration {
namespace {

// 0.3 ms is usual; a task in the middle of a long disk write may take this long.
constexpr std::chrono::milliseconds kFreezeLimit{5000};

void open_port(const runtime::Workload& workload) {
  auto port = handover::Port::existing(workload.name, *workload.identity);
  port.open();
  const auto netns = kernel::open_namespace(workload.root, "net");
  handover::Announcer(netns.get(), *workload.identity).announce();
}

}  // namespace

std::string Frozen::cgroup_name(const runtime::Workload& workload) {
  return workload.is_capsule() ? workload.name : fmt::format("pid-{}", workload.root);
}

Frozen::Frozen(const runtime::Workload& workload, const kernel::Freezer& freezer)
    : workload_(workload), freezer_(freezer) {
  try {
    if (!workload.is_capsule()) gather_bare_tree();
    freezer_.freeze(kFreezeLimit);
    // The kernel would go on acknowledging what clients send, after the dump has read the queues.
    if (workload.identity) handover::Port::existing(workload.name, *workload.identity).shut();
  } catch (...) {
    put_back();
    throw;
  }
}

Frozen::~Frozen() {
  if (kept_ || killed_) return;
  try {
    put_back();
  } catch (const std::exception& failure) {
    base::log("while putting {} back: {}", workload_.name, failure.what());
  }
}

void Frozen::gather_bare_tree() {
  for (const pid_t pid : process::read_tree(workload_.root).pids) {
    origins_.push_back({pid, kernel::freezer_cgroup_of(pid)});
  }
  process::gather(workload_.root, freezer_);
}

void Frozen::put_back() {
  freezer_.thaw();
  if (workload_.identity) open_port(workload_);
  if (workload_.is_capsule()) return;
  // A process forked since then goes where its tree's root was.
  for (const pid_t pid : freezer_.pids()) {
    std::string home = origins_.empty() ? "/" : origins_.front().cgroup;
    for (const auto& origin : origins_) {
      if (origin.pid == pid) home = origin.cgroup;
    }
    kernel::move_to_cgroup(pid, home);
  }
}

void Frozen::freeze_again() const { freezer_.freeze(kFreezeLimit); }

void Frozen::kill_all() {
  killed_ = true;
  freezer_.kill_all();
}

void Frozen::thaw_killed() { freezer_.thaw(); }

}  // namespace ferry::migration
