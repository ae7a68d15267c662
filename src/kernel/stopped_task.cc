// SPDX-License-Identifier: Apache-2.0
//
// Stopping. A thread that is not stopped yet can make more of them, so the list is read again until it holds no thread
// that does not stand still: then nobody is left who could.
#include "kernel/stopped_task.h"

#include <fmt/format.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include "kernel/procfs.h"

namespace ferry::kernel {
namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;

// The other processes of this machine that `asked` does not hold yet and that have the same descriptor table.
std::vector<pid_t> sharers_of_descriptors(pid_t pid, std::set<pid_t>& asked) {
  std::vector<pid_t> sharers;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    pid_t other = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), other).ec != std::errc{}) continue;
    if (!asked.insert(other).second || other == pid) continue;
    if (::syscall(SYS_kcmp, pid, other, KCMP_FILES, 0, 0) == 0) sharers.push_back(other);
  }
  return sharers;
}

void wait_for_child_signal(base::MonoTime deadline) {
  const auto left = duration_cast<nanoseconds>(deadline - base::mono_now());
  if (left <= nanoseconds(0)) return;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  ::sigtimedwait(&child, nullptr, &limit);
}

bool is_event_stop(int status) { return status >> 16 == PTRACE_EVENT_STOP; }

}  // namespace

StoppedTask::StoppedTask(pid_t pid, std::chrono::milliseconds limit) : pid_(pid), limit_(limit) {
  processes_ = {pid};
  for (const pid_t other : sharers_of_descriptors(pid, strangers_seen_)) processes_.push_back(other);
  instruction_ = find_call_instruction(pid);
  stopped_since_ = base::mono_now();
  if (seize_all() && prepare_caller()) outcome_.outcome = Injected::kDone;
  if (outcome_.outcome != Injected::kDone) let_go();
}

StoppedTask::~StoppedTask() { let_go(); }

bool StoppedTask::fail(Injected outcome, std::string why, int error) {
  outcome_.outcome = outcome;
  outcome_.why = std::move(why);
  outcome_.error = error;
  return false;
}

bool StoppedTask::seize_all() {
  const base::MonoTime deadline = stopped_since_ + limit_;
  for (bool found_new = true; found_new;) {
    found_new = false;
    for (const pid_t process : std::vector(processes_)) {
      if (!seize_process(process, found_new)) return false;
    }
    if (threads_.empty()) return fail(Injected::kGone, fmt::format("process {} has ended", pid_));
    if (!wait_until_stopped(deadline)) return false;
    for (const pid_t other : sharers_of_descriptors(pid_, strangers_seen_)) {
      processes_.push_back(other);
      found_new = true;
    }
  }
  return true;
}

bool StoppedTask::seize_process(pid_t pid, bool& found_new) {
  for (const pid_t tid : threads_of(pid)) {
    if (threads_.contains(tid)) continue;
    if (!seize(tid)) return false;
    found_new |= threads_.contains(tid);
  }
  return true;
}

bool StoppedTask::seize(pid_t tid) {
  constexpr long kOptions = PTRACE_O_TRACESYSGOOD;
  long result = ::ptrace(PTRACE_SEIZE, tid, 0, kOptions | PTRACE_O_SUSPEND_SECCOMP);
  if (result < 0 && errno != ESRCH) {
    // Suspending needs CAP_SYS_ADMIN and a kernel with CONFIG_CHECKPOINT_RESTORE.
    result = ::ptrace(PTRACE_SEIZE, tid, 0, kOptions);
    if (result == 0) seccomp_suspended_ = false;
  }
  if (result == 0) {
    threads_[tid] = State::kRunning;
    ::ptrace(PTRACE_INTERRUPT, tid, 0, 0);
    return true;
  }
  const int error = errno;
  const auto state = task_state(tid);
  if (error == ESRCH || !state || *state == 'Z' || *state == 'X') return true;  // ended: stops nobody
  const std::string tracer = status_field(tid, "TracerPid").value_or("0");
  if (tracer != "0") {
    return fail(Injected::kTraced, fmt::format("{} (pid {}) traces it", comm_of(std::stoi(tracer)), tracer), error);
  }
  return fail(Injected::kForbidden, fmt::format("ptrace of thread {} is not allowed", tid), error);
}

bool StoppedTask::wait_until_stopped(base::MonoTime deadline) {
  for (;;) {
    int status = 0;
    const pid_t tid = ::waitpid(-1, &status, __WALL | WNOHANG);
    if (tid > 0) {
      took_stop(tid, status);
      continue;
    }
    pid_t running = 0;
    for (const auto& [thread, state] : threads_) {
      if (state == State::kRunning) running = thread;
    }
    if (running == 0 || threads_.empty()) return true;
    if (base::mono_now() >= deadline) {
      return fail(Injected::kBusy, fmt::format("thread {} did not stop within {} ms", running, limit_.count()));
    }
    wait_for_child_signal(deadline);
  }
}

void StoppedTask::took_stop(pid_t tid, int status) {
  const auto thread = threads_.find(tid);
  if (thread == threads_.end()) return;
  if (!WIFSTOPPED(status)) {
    threads_.erase(thread);
  } else if (is_event_stop(status)) {
    thread->second = State::kStopped;
  } else {
    // A signal came first. It takes its course; any stop makes the kernel forget an interrupt that was asked for.
    ::ptrace(PTRACE_INTERRUPT, tid, 0, 0);
    ::ptrace(PTRACE_CONT, tid, 0, WSTOPSIG(status));
  }
}

void StoppedTask::let_go() {
  if (threads_.empty()) return;
  restore();
  for (const auto& [tid, state] : threads_) {
    if (::ptrace(PTRACE_DETACH, tid, 0, 0) == 0) continue;
    // Still running: ends with this process, which the kernel detaches from all it traces.
  }
  threads_.clear();
  if (held_stop_ != 0) ::kill(pid_, held_stop_);
  outcome_.stopped_ms = base::ms_between(stopped_since_, base::mono_now());
}

}  // namespace ferry::kernel
