// SPDX-License-Identifier: Apache-2.0
#include "migration/frozen.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kernel/tcp_repair.h"
#include "process/listeners.h"
#include "process/vfork.h"

namespace ferry::migration {
namespace {

// 0.3 ms is usual; a task in the middle of a long disk write may take this long.
constexpr std::chrono::milliseconds kFreezeLimit{5000};
constexpr std::chrono::milliseconds kAcceptPoll{1};
constexpr std::chrono::milliseconds kGuestLimit{3000}, kGuestPoll{2};

// When CRIU has died its twin (criu/twin.h) puts the tasks back; milliseconds, and it gives up by itself.
constexpr std::chrono::milliseconds kTwinLimit{6000};

bool is_traced(pid_t pid) {
  return std::ranges::any_of(kernel::threads_of(pid), [](pid_t tid) {
    return kernel::status_field(tid, "TracerPid").value_or("0") != "0";
  });
}

void wait_until_untraced(const kernel::Freezer& freezer) {
  const auto deadline = base::mono_now() + kTwinLimit;
  for (const pid_t pid : freezer.pids()) {
    while (is_traced(pid) && base::mono_now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::string cgroup_name(const runtime::Workload& workload) {
  // No workload's name begins with a dot.
  return workload.is_capsule() ? workload.name : fmt::format(".pid-{}", workload.root.pid);
}

bool is_below(pid_t pid, pid_t root) {
  while (pid > 1 && pid != root) pid = kernel::parent_of(pid).value_or(root);
  return pid == root;
}

}  // namespace

pid_t stranger_in(const kernel::Freezer& tasks, pid_t root) {
  for (const pid_t pid : tasks.pids()) {
    if (!is_below(pid, root)) return pid;
  }
  return 0;
}

pid_t wait_for_strangers(const kernel::Freezer& tasks, pid_t root, base::MonoTime deadline) {
  for (;;) {
    const pid_t stranger = stranger_in(tasks, root);
    if (stranger == 0 || base::mono_now() > deadline) return stranger;
    std::this_thread::sleep_for(kGuestPoll);
  }
}

kernel::Freezer Frozen::freezer_of(const runtime::Workload& workload) {
  if (auto found = find_freezer(workload)) return std::move(*found);
  if (workload.container) {
    throw base::Error({fmt::format("cannot move {}", workload.name), "it has just ended: its cgroup has gone", "", {}, {}});
  }
  return kernel::Freezer::create(cgroup_name(workload));
}

std::optional<kernel::Freezer> Frozen::find_freezer(const runtime::Workload& workload) {
  if (workload.container) return kernel::Freezer::at(workload.container->cgroup);
  return kernel::Freezer::find(cgroup_name(workload));
}

Frozen::Origins Frozen::origins_of(const runtime::Workload& workload) {
  Origins origins;
  if (workload.has_own_cgroup()) return origins;
  for (const pid_t pid : process::read_tree(workload.root.pid).pids) {
    origins.push_back({pid, kernel::freezer_cgroup_of(pid)});
  }
  return origins;
}

Frozen::Frozen(const runtime::Workload& workload, const kernel::Freezer& freezer, Origins origins, LeftBehind)
    : workload_(workload), freezer_(freezer), origins_(std::move(origins)), sealed_(true) {}

Frozen::Frozen(const runtime::Workload& workload, const kernel::Freezer& freezer, Origins origins, base::milliseconds accepts,
               GateEvents gate_events)
    : workload_(workload), freezer_(freezer), origins_(std::move(origins)), gate_events_(std::move(gate_events)) {
  try {
    if (!workload.has_own_cgroup()) process::gather(workload.root.pid, freezer);
    require_seizable();
    if (accepts.count() > 0) let_it_accept(accepts);
    freeze_at_a_good_moment();
    require_one_tree();
    // The kernel would go on acknowledging what clients send, after the dump has read the queues.
    shut_gate();
  } catch (...) {
    try {
      put_back();
    } catch (const std::exception& second) {
      base::log("while putting {} back: {}", workload.name, second.what());
    }
    throw;
  }
}

Frozen::~Frozen() {
  if (sealed_ || ended_) return;
  try {
    put_back();
  } catch (const std::exception& failure) {
    base::log("while putting {} back: {}", workload_.name, failure.what());
  }
}

void Frozen::require_one_tree() const {
  if (!kernel::is_alive(workload_.root)) {
    base::refuse(fmt::format("cannot move {}", workload_.name), "it has ended meanwhile");
  }
  const pid_t pid = stranger_in(freezer_, workload_.root.pid);
  if (pid == 0) return;
  if (workload_.container) {
    base::refuse(fmt::format("cannot move {}", workload_.name),
                 fmt::format("its process {} ({}) was started from outside, by `{} exec`", pid, kernel::command_of(pid),
                             workload_.container->engine),
                 "end it first");
  }
  base::refuse(fmt::format("cannot move {}", workload_.name),
               fmt::format("its process {} ({}) has no parent in it any more; only one tree can be moved", pid,
                           kernel::command_of(pid)),
               "wait for that process to end, or start the workload so that it stays in the foreground");
}

void Frozen::shut_gate() {
  const auto gate = shut_ ? nullptr : workload_.gate();
  if (!gate) return;
  if (gate_events_.will_shut) gate_events_.will_shut();
  gate->shut();
  shut_ = true;
  if (gate_events_.shut) gate_events_.shut();
}

bool Frozen::waits_for_guest(base::MonoTime deadline) const {
  const pid_t root = workload_.root.pid;
  if (!workload_.container || stranger_in(freezer_, root) == 0 || base::mono_now() > deadline) return false;
  freezer_.thaw();
  (void)wait_for_strangers(freezer_, root, deadline);
  return true;
}

// posix_spawn(3) is in vfork(2) for a millisecond, and some workloads call it all the time.
void Frozen::freeze_at_a_good_moment() {
  const auto guests_end = base::mono_now() + kGuestLimit, deadline = base::mono_now() + process::kVforkLimit;
  for (;;) {
    since_ns_ = base::mono_ns();
    freezer_.freeze(kFreezeLimit);
    if (waits_for_guest(guests_end)) continue;
    auto waiting = process::find_vfork(freezer_.pids());
    if (!waiting) return;
    freezer_.thaw();
    waiting = process::wait_for_vforks(freezer_.pids(), deadline);
    if (base::mono_now() < deadline) continue;
    base::refuse(fmt::format("cannot move {}", workload_.name),
                 waiting ? fmt::format("{} (pid {}) waits in vfork(2) for its child (pid {}), and cannot be stopped", kernel::comm_of(waiting->parent),
                                       waiting->parent, waiting->child)
                         : "it is in vfork(2) whenever it is frozen",
                 "let the child call exec or end first");
  }
}

// With the gate shut no more come. A workload without one just gets a moment.
void Frozen::let_it_accept(base::milliseconds limit) {
  shut_gate();
  const auto until = base::mono_now() + limit;
  while (process::has_waiting_connections(workload_.root.pid) && base::mono_now() < until) std::this_thread::sleep_for(kAcceptPoll);
}

// CRIU would try to seize such a task for many seconds, all of them frozen. Once they are frozen the kernel does not tell any more
// that one was stopped.
void Frozen::require_seizable() const {
  for (const pid_t pid : freezer_.pids()) {
    const auto name = fmt::format("{} (pid {})", kernel::comm_of(pid), pid);
    if (const auto tracer = kernel::status_field(pid, "TracerPid"); tracer && *tracer != "0") {
      base::refuse(fmt::format("cannot move {}", workload_.name), fmt::format("{} is traced by the process {}", name, *tracer),
                   "detach the debugger or end strace first");
    }
    if (kernel::task_state(pid) == 'T') {
      base::refuse(fmt::format("cannot move {}", workload_.name), fmt::format("{} is stopped", name), fmt::format("kill -CONT {}", pid));
    }
  }
}

void Frozen::put_back() {
  // In order after CRIU's own release; needed when CRIU and its twin have died. When only CRIU has, its twin has done so already, and
  // may have to let them run to where they were.
  for (const pid_t pid : freezer_.pids()) kernel::end_tcp_repair(pid);
  // What it says first is to find its way out; but it goes on in any case.
  std::unique_ptr<handover::Gate> gate;
  std::exception_ptr still_shut;
  try {
    gate = workload_.gate();
    if (gate) gate->open();
  } catch (...) {
    still_shut = std::current_exception();
  }
  freezer_.thaw();
  wait_until_untraced(freezer_);
  if (!workload_.has_own_cgroup()) {
    // A process forked since then goes where its tree's root was; one that has ended goes nowhere.
    for (const pid_t pid : freezer_.pids()) {
      std::string home = origins_.empty() ? "/" : origins_.front().cgroup;
      for (const auto& origin : origins_) {
        if (origin.pid == pid) home = origin.cgroup;
      }
      try {
        kernel::move_to_cgroup(pid, home);
      } catch (const base::SysError&) {
        if (kernel::find_process(pid)) throw;
      }
    }
  }
  if (still_shut) std::rethrow_exception(still_shut);
  if (!gate) return;
  gate->announce();
  if (gate_events_.opened) gate_events_.opened();
}

void Frozen::freeze_again() const { freezer_.freeze(kFreezeLimit); }

void Frozen::give_back() {
  ended_ = true;
  put_back();
}

void Frozen::kill_all() {
  ended_ = true;
  // Connections that live on elsewhere are not to be ended by what dies here. (CRIU, if it let go of the tasks, has ended repair.) Those of
  // the host's own address end with it, and their peers are to hear of it.
  if (workload_.keeps_connections()) {
    const auto only = workload_.service ? std::optional(workload_.service->address()) : std::nullopt;
    for (const pid_t pid : freezer_.pids()) kernel::begin_tcp_repair(pid, only);
  }
  freezer_.kill_all();
}

void Frozen::thaw_killed() const { freezer_.thaw(); }

}  // namespace ferry::migration
