// SPDX-License-Identifier: Apache-2.0
#include "process/blockers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "process/blocker_kinds.h"
#include "process/supervisor.h"

namespace ferry::process {

void OpenThings::add(const Task& task, int fd, const std::string& thing, std::string why, std::string remedy) {
  auto [at, is_new] = holders_.try_emplace(thing);
  Holders& holders = at->second;
  if (is_new) {
    order_.push_back(thing);
    holders = {task.label(), task.pid, {}, 0, task.pid, std::move(why), std::move(remedy)};
  }
  if (task.pid == holders.first_pid) holders.fds.push_back(fd);
  // Tasks come one after the other, so a new pid is a new task.
  if (task.pid != holders.last_pid) ++holders.other_tasks;
  holders.last_pid = task.pid;
}

void OpenThings::move_to(Reasons& reasons) {
  for (const auto& thing : order_) {
    Holders& holders = holders_.at(thing);
    std::ranges::sort(holders.fds);
    const auto others = holders.other_tasks == 0 ? "" : fmt::format(" ({} more of its processes too)", holders.other_tasks);
    reasons.push_back({fmt::format("{} has fd{} {} open on {}{}", holders.first, holders.fds.size() > 1 ? "s" : "",
                                   fmt::join(holders.fds, ", "), thing, others),
                       std::move(holders.why), std::move(holders.remedy)});
  }
  order_.clear();
  holders_.clear();
}

Reasons find_blockers(const View& view, const BlockerOptions& options) {
  Reasons reasons;
  Outsiders outsiders(view.tree);
  if (!options.ours && !options.container) {
    if (const auto supervisor = find_supervisor(view.tree.root)) reasons.push_back(explain(*supervisor, view.root().label()));
  }
  add_task_blockers(view, reasons);
  const pid_t home = options.ours ? kernel::parent_of(view.tree.root).value_or(::getpid()) : ::getpid();
  if (!options.container) {
    add_namespace_blockers(view, home, reasons);
    add_terminal_blockers(view, outsiders, reasons);
    add_file_blockers(view, reasons);
    add_pipe_blockers(view, outsiders, reasons);
    add_ipc_blockers(view, reasons);
  }
  add_device_blockers(view, reasons);
  add_kernel_object_blockers(view, reasons);
  add_lock_blockers(view, reasons);
  add_socket_blockers(view, options.own_network, reasons);
  add_unix_socket_blockers(view, outsiders, reasons);
  add_connection_blockers(view, options, reasons);
  return reasons;
}

}  // namespace ferry::process
