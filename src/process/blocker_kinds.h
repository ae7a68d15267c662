// SPDX-License-Identifier: Apache-2.0
//
// The kinds of blockers, one function each, for blockers.cc and its tests; everyone else wants process/blockers.h. What each
// refuses is what CRIU 4.2 cannot dump or restore, or what would go on with something missing and without an error.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "process/blockers.h"
#include "process/connections.h"
#include "process/outsiders.h"
#include "process/reason.h"
#include "process/view.h"

namespace ferry::process {

// One reason for each thing, however many descriptors and tasks hold it: "sh (pid 5) has fds 0, 1 and 2 open on …".
class OpenThings {
 public:
  void add(const Task& task, int fd, const std::string& thing, std::string why, std::string remedy);
  void move_to(Reasons& reasons);

 private:
  struct Holders {
    std::string first;      // label of the first task
    pid_t first_pid = 0;
    std::vector<int> fds;   // of the first task
    size_t other_tasks = 0;
    pid_t last_pid = 0;
    std::string why, remedy;
  };
  std::vector<std::string> order_;
  std::map<std::string, Holders> holders_;
};

void add_device_blockers(const View& view, Reasons& reasons);           // character and block devices, open or mapped
void add_terminal_blockers(const View& view, Outsiders& outsiders, Reasons& reasons);
void add_kernel_object_blockers(const View& view, Reasons& reasons);    // io_uring, userfaultfd, perf, bpf, pidfds, …
void add_file_blockers(const View& view, Reasons& reasons);             // names that are gone, other mount namespaces
void add_lock_blockers(const View& view, Reasons& reasons);             // file locks shared with others here
void add_pipe_blockers(const View& view, Outsiders& outsiders, Reasons& reasons);
void add_socket_blockers(const View& view, bool own_network, Reasons& reasons);  // families and protocols that cannot move
void add_unix_socket_blockers(const View& view, Outsiders& outsiders, Reasons& reasons);
void add_connection_blockers(const View& view, const BlockerOptions& options, Reasons& reasons);
void add_task_blockers(const View& view, Reasons& reasons);             // tracer, 32-bit code, threads of a dead leader, scheduling
// `home`: the task whose namespaces a move makes anew on the target: the capsule's init, or ferry itself for a bare tree.
void add_namespace_blockers(const View& view, pid_t home, Reasons& reasons);
void add_ipc_blockers(const View& view, Reasons& reasons);              // SysV IPC

}  // namespace ferry::process
