// SPDX-License-Identifier: Apache-2.0
//
// What tasks are rather than what they have open: traced, 32-bit, in namespaces of their own.
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "kernel/namespaces.h"
#include "process/blocker_kinds.h"
#include "process/vfork.h"

namespace ferry::process {
namespace {

bool runs_32_bit_code(pid_t pid) {
  std::array<std::byte, EI_NIDENT> start{};
  const auto program = base::try_open_file(fmt::format("/proc/{}/exe", pid), O_RDONLY);
  if (!program || base::read_full(program->get(), start) < start.size()) return false;
  return sizeof(void*) == 8 && static_cast<unsigned char>(start[EI_CLASS]) == ELFCLASS32;
}

void look_for_tracer(const Task& task, Reasons& reasons) {
  for (const pid_t tid : kernel::threads_of(task.pid)) {
    const auto tracer = std::stoi(kernel::status_field(tid, "TracerPid").value_or("0"));
    if (tracer == 0) continue;
    reasons.push_back({fmt::format("{} is traced by {} (pid {})", task.label(), kernel::comm_of(tracer), tracer),
                       "a task can have one tracer only, and CRIU must be it", "detach the debugger or end strace first"});
    return;
  }
}

// A frozen cgroup and a stopped task together cannot be seized (v1): CRIU would try for half a minute, with all of it frozen.
void look_for_stop(const Task& task, Reasons& reasons) {
  if (kernel::task_state(task.pid) != 'T') return;
  reasons.push_back({task.label() + " is stopped", "CRIU cannot take hold of a stopped task in a frozen cgroup",
                     fmt::format("let it go on first: kill -CONT {}", task.pid)});
}

void look_for_vfork(const View& view, Reasons& reasons) {
  const auto waiting = wait_for_vforks(view.tree.pids, base::mono_now() + kVforkLimit);
  if (!waiting) return;
  reasons.push_back({fmt::format("{} (pid {}) waits in vfork(2) for its child {} (pid {})", kernel::comm_of(waiting->parent), waiting->parent,
                                 kernel::comm_of(waiting->child), waiting->child),
                     "nothing but SIGKILL interrupts that wait, so CRIU cannot stop it",
                     "let the child call exec or end first; it has not within a second"});
}

void look_for_dead_leader(const Task& task, Reasons& reasons) {
  if (kernel::task_state(task.pid) != 'Z' || kernel::threads_of(task.pid).size() < 2) return;
  reasons.push_back({fmt::format("the first thread of {} has ended, others go on", task.label()),
                     "CRIU cannot restore a process without its first thread", "let main() wait for its threads"});
}

// CRIU makes the session by a helper, and the task ends up below init instead of its parent.
void look_for_lost_session(const View& view, const Task& task, Reasons& reasons) {
  const auto session = kernel::session_of(task.pid);
  if (!session) return;  // it has ended meanwhile
  if (session == kernel::session_of(view.tree.root) || view.holds(*session)) return;
  reasons.push_back({task.label() + " is in a session whose leader has ended", "CRIU restores it with another parent",
                     "let the process that called setsid() go on while the others do"});
}

// CRIU looks for every file below the root directory of the root process.
void look_for_chroot(const View& view, Reasons& reasons) {
  std::error_code gone;
  const auto root = std::filesystem::read_symlink(fmt::format("/proc/{}/root", view.tree.root), gone);
  if (gone || root == "/") return;
  reasons.push_back({fmt::format("{} is in a chroot ({})", view.root().label(), root.string()),
                     "CRIU restores a chroot only below a root process that is in none",
                     "start it by a process that stays outside: `ferry run -- sh -c 'chroot DIR CMD; exit'`"});
}

void look_at_scheduling(const Task& task, Reasons& reasons) {
  constexpr int kDeadline = 6, kExtensible = 7;  // include/uapi/linux/sched.h
  for (const pid_t tid : kernel::threads_of(task.pid)) {
    const int policy = ::sched_getscheduler(tid) & ~SCHED_RESET_ON_FORK;
    if (policy != kDeadline && policy != kExtensible) continue;
    reasons.push_back({fmt::format("{} is scheduled by {}", task.label(), policy == kDeadline ? "deadline" : "a BPF scheduler"),
                       "CRIU does not keep the parameters of that policy, and the restore fails", fmt::format("chrt --other --pid 0 {}", tid)});
    return;
  }
}

}  // namespace

void add_task_blockers(const View& view, Reasons& reasons) {
  look_for_chroot(view, reasons);
  look_for_vfork(view, reasons);
  for (const auto& task : view.tasks) {
    look_for_tracer(task, reasons);
    look_for_stop(task, reasons);
    look_for_lost_session(view, task, reasons);
    look_for_dead_leader(task, reasons);
    look_at_scheduling(task, reasons);
    if (runs_32_bit_code(task.pid)) {
      reasons.push_back({task.label() + " is a 32-bit program", "the CRIU that ferry uses handles 64-bit tasks only", "use a 64-bit build of it"});
    }
    if (std::ranges::any_of(task.mappings, [](const Mapping& m) { return m.path == "[uprobes]"; })) {
      reasons.push_back({task.label() + " has user-space probes in it", "they belong to a tracing program on this host",
                         "end that program (perf, bpftrace, bcc) first"});
    }
  }
}

namespace {

std::string name_of(std::string_view kind) {
  if (kind == "mnt") return "mount";
  if (kind == "net") return "network";
  if (kind == "ipc") return "IPC";
  if (kind == "uts") return "host name";
  return std::string(kind);
}

}  // namespace

void add_namespace_blockers(const View& view, pid_t home, Reasons& reasons) {
  // The clocks of a time namespace are carried over, the pids of a pid namespace exist again, an ipc namespace comes along whole.
  static constexpr const char* kMadeAnew[] = {"mnt", "net", "uts", "user"};
  const pid_t root = view.tree.root;
  for (const char* kind : kMadeAnew) {
    if (kernel::namespace_id(root, kind) == kernel::namespace_id(home, kind)) continue;
    reasons.push_back({fmt::format("{} has a namespace of its own ({})", view.root().label(), name_of(kind)),
                       "it would arrive in that of the target host, without what it has there",
                       "a container moves by its engine's name when ferry knows that engine; else start it with `ferry run`"});
  }
  std::set<std::pair<std::string, uint64_t>> told;
  for (const auto& task : view.tasks) {
    for (const char* kind : kernel::kNamespaceKinds) {
      const auto id = kernel::namespace_id(task.pid, kind);
      if (id == 0 || id == kernel::namespace_id(root, kind) || !told.insert({kind, id}).second) continue;
      reasons.push_back({fmt::format("{} has a namespace of its own ({}) below that of its root process", task.label(), name_of(kind)),
                         "CRIU cannot take nested namespaces along", "run it without unshare, bubblewrap or a sandbox (browsers: --no-sandbox)"});
    }
  }
}

}  // namespace ferry::process
