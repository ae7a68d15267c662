// SPDX-License-Identifier: Apache-2.0
//
// SysV IPC of the whole host, which stays there, and message queues.
#include <fmt/format.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "kernel/message_queues.h"
#include "kernel/namespaces.h"
#include "process/blocker_kinds.h"

namespace ferry::process {
namespace {

// Columns of /proc/sysvipc/{shm,msg}; the pids are as seen by the reader.
std::vector<std::vector<long>> sysv_table(const char* name) {
  std::vector<std::vector<long>> rows;
  std::istringstream lines(base::try_read_file(fmt::format("/proc/sysvipc/{}", name)).value_or(""));
  std::string line;
  std::getline(lines, line);  // the headings
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::vector<long>& row = rows.emplace_back();
    for (long number; words >> number;) row.push_back(number);
  }
  return rows;
}

constexpr const char* kWhyIpc = "SysV IPC belongs to the whole host, and what it holds would stay here";
constexpr const char* kRemedy = "start it with `ferry run`, which gives it IPC of its own";
constexpr const char* kWhyNoQueues = "CRIU cannot take POSIX message queues along";

// Who used a set last is all that the kernel tells of semaphores and queues.
void look_for_semaphores(const View& view, Reasons& reasons) {
  constexpr size_t kId = 1, kCount = 3;
  for (const auto& row : sysv_table("sem")) {
    if (row.size() <= kCount) continue;
    for (int i = 0; i < row[kCount]; ++i) {
      const int user = ::semctl(static_cast<int>(row[kId]), i, GETPID);
      if (user <= 0 || !view.holds(user)) continue;
      reasons.push_back({fmt::format("{} (pid {}) uses the SysV semaphores {}", kernel::comm_of(user), user, row[kId]), kWhyIpc, kRemedy});
      break;
    }
  }
}

void look_for_queues(const View& view, Reasons& reasons) {
  constexpr size_t kId = 1, kSender = 5, kReceiver = 6;
  for (const auto& row : sysv_table("msg")) {
    if (row.size() <= kReceiver) continue;
    for (const size_t column : {kSender, kReceiver}) {
      const auto user = static_cast<pid_t>(row[column]);
      if (user <= 0 || !view.holds(user)) continue;
      reasons.push_back({fmt::format("{} (pid {}) uses the SysV message queue {}", kernel::comm_of(user), user, row[kId]), kWhyIpc, kRemedy});
      break;
    }
  }
}

// Of a workload whose ipc namespace is its own everything travels but POSIX queues. Those that are open are told with the files.
void look_for_closed_queues(const View& view, Reasons& reasons) {
  for (const auto& name : kernel::message_queues(kernel::open_namespace(view.tree.root, "ipc").get())) {
    const auto is_it = [&](const Descriptor& file) { return file.target == name || file.target == name + " (deleted)"; };
    if (std::ranges::any_of(view.tasks, [&](const Task& task) { return std::ranges::any_of(task.files, is_it); })) continue;
    reasons.push_back({fmt::format("there is a POSIX message queue {} in {}'s ipc namespace", name, view.root().label()), kWhyNoQueues,
                       "let the workload unlink it, or use a socket or a pipe"});
  }
}

}  // namespace

void add_ipc_blockers(const View& view, Reasons& reasons) {
  if (kernel::namespace_id(view.tree.root, "ipc") != kernel::namespace_id(::getpid(), "ipc")) {
    return look_for_closed_queues(view, reasons);
  }
  std::set<ino_t> told;
  for (const auto& task : view.tasks) {
    for (const auto& mapping : task.mappings) {
      if (!mapping.path.starts_with("/SYSV") || !told.insert(mapping.inode).second) continue;
      reasons.push_back({fmt::format("{} has the SysV shared memory {} attached", task.label(), mapping.inode), kWhyIpc, kRemedy});
    }
  }
  look_for_semaphores(view, reasons);
  look_for_queues(view, reasons);
}

}  // namespace ferry::process
