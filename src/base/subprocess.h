// SPDX-License-Identifier: Apache-2.0
//
// Starting other programs. A Child that leaves its scope while running is killed and reaped: nothing that ferry
// started outlives its owner by accident (`release()` says that it should).
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::base {

using Argv = std::vector<std::string>;

struct SpawnOptions {
  // -1: /dev/null. The descriptors stay the caller's.
  int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1;
  std::vector<int> inherit;                // kept open in the child under the same numbers
  std::vector<std::string> environment;    // added: "NAME=value"
  std::string program;                     // executed instead of argv[0], which is what it is told; empty: argv[0]
  bool new_session = false;
  // Runs in the child between fork and exec; may throw. Only for namespaces, cgroups, credentials.
  std::function<void()> in_child;
};

class Child {
 public:
  Child() = default;
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Child& operator=(Child&& other) noexcept;
  ~Child() { kill_and_reap(); }

  pid_t pid() const { return pid_; }
  explicit operator bool() const { return pid_ > 0; }
  // The wait status as of waitpid(2); afterwards the object is empty.
  int wait();
  std::optional<int> try_wait();  // nullopt while it runs
  bool signal(int number) const;  // false when it has gone
  pid_t release() { return std::exchange(pid_, 0); }
  void kill_and_reap();

 private:
  pid_t pid_ = 0;
};

// Throws SysError, also when exec fails in the child. argv[0] is looked up in PATH.
Child spawn(const Argv& argv, const SpawnOptions& options = {});

struct Finished {
  int status = 0;  // exit code; 128 + signal
  std::string out, err;
};
// Runs to the end, both outputs collected, `input` on its stdin.
Finished run(const Argv& argv, std::string_view input = {}, SpawnOptions options = {});
int exit_code(int wait_status);  // 128 + signal for a killed one

}  // namespace ferry::base
