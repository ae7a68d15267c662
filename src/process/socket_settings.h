// SPDX-License-Identifier: Apache-2.0
//
// Options of a tree's sockets that CRIU forgets (kernel/socket_options.h): ferry carries them along, as it does the CPUs of pinned
// threads (pinned.h).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel/socket_options.h"
#include "kernel/task_fd.h"
#include "process/tree.h"

namespace ferry::process {

struct SocketSettings {
  pid_t pid = 0;  // of one that holds it, as the innermost pid namespace calls it
  int fd = -1;
  std::vector<kernel::SocketOption> options;
};

class SocketSurvey {
 public:
  // Of a tree that runs: which options it uses. What it begins to use after that goes unnoticed, but for the most common.
  explicit SocketSurvey(const Tree& tree);
  // Of the same tree, stopped. Each open socket once, and only those with a setting of their own.
  std::vector<SocketSettings> read(const Tree& tree);

 private:
  using Kind = std::optional<kernel::SocketKind>;
  void for_each_socket(pid_t pid, const std::function<void(int fd, int socket, const kernel::SocketKind& kind)>& act);

  std::optional<kernel::SocketOptions> options_;
  std::map<std::string, Kind> kinds_;  // by link in /proc; nothing: of no interest
  std::set<std::string> seen_;
};

// To the same socket of a restored task, by the task's files. False when some of it could not be set.
[[nodiscard]] bool apply(const SocketSettings& settings, const kernel::TaskFds& files);

}  // namespace ferry::process
