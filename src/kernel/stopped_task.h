// SPDX-License-Identifier: Apache-2.0
//
// A task all of whose threads stand still, in the hands of this process by ptrace; and the system calls that we let one
// of them make. Leaving the scope puts registers and signal mask back and lets everything go on.
//
// For a process that does nothing else (injection.cc): it waits for any child, and SIGCHLD must be blocked.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/injection.h"
#include "kernel/injection_arch.h"

namespace ferry::kernel {

class StoppedTask {
 public:
  // Stops all threads, and those of other processes that share its descriptors. Check outcome().outcome: when it is
  // not kDone, everything that had been stopped runs again.
  StoppedTask(pid_t pid, std::chrono::milliseconds limit);
  ~StoppedTask();
  StoppedTask(const StoppedTask&) = delete;

  const Injection& outcome() const { return outcome_; }
  pid_t caller() const { return caller_; }  // the thread that makes the calls

  // The result as the kernel gives it (-errno); nothing when the task has died meanwhile.
  std::optional<long> call(const SystemCall& call);
  // What the end of the scope does, to know how long it took.
  void let_go();

 private:
  enum class State { kRunning, kStopped };
  bool fail(Injected outcome, std::string why, int error = 0);
  bool seize_all();
  bool seize_process(pid_t pid, bool& found_new);
  bool seize(pid_t tid);
  bool wait_until_stopped(base::MonoTime deadline);
  void took_stop(pid_t tid, int status);
  bool prepare_caller();
  std::optional<int> wait_for_caller();
  bool run_to_call_boundary();
  bool back_to_signal_stop();
  void restore();

  pid_t pid_;
  std::chrono::milliseconds limit_;
  Injection outcome_;
  std::map<pid_t, State> threads_;
  std::set<pid_t> strangers_seen_;      // processes already asked whether they share our task's descriptors
  std::vector<pid_t> processes_;        // whose threads are stopped: pid_ and those that share
  base::MonoTime stopped_since_;
  pid_t caller_ = 0;
  bool seccomp_suspended_ = true;
  bool changed_ = false;                // the caller's registers are ours now
  bool dead_ = false;
  int held_stop_ = 0;                   // a SIGSTOP that came in between
  uint64_t mask_ = 0;
  uint64_t instruction_ = 0;
  Registers original_;
};

// Where a system call instruction lies in executable memory of the task, the vDSO first; 0: nowhere.
uint64_t find_call_instruction(pid_t pid);

}  // namespace ferry::kernel
