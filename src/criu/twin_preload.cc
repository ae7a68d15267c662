// SPDX-License-Identifier: Apache-2.0
//
// CRIU's side of the twin: its calls of ptrace(2) (ptrace_preload.cc) and wait(2) come here, and go to the twin when they are about a
// task that is traced. CRIU's own children, and what it traces of them to probe the kernel, stay its own.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "criu/raw_syscall.h"
#include "criu/twin.h"

#if defined(__x86_64__)

namespace ferry::criu::twin {
namespace {

constexpr size_t kStack = 64 * 1024;
constexpr int kSpins = 8000;              // about 200 µs: an answer takes 2, or 20 when the twin has to be woken
constexpr long kLookAgain_ns = 50'000'000;  // whether the twin lives
constexpr long kBetweenLooks_ns = 100'000;
constexpr const char* kUnkillable = "-1000";

Twin* the_twin = nullptr;  // of this process; a child of CRIU that has copied it has none
bool asking = false;
bool without_twin = false;  // CRIU traces by itself
bool missed = false;  // a signal handler of CRIU could not be served
char usual_oom_score[16];

bool is_here() { return the_twin != nullptr && !the_twin->lost && raw(SYS_getpid) == the_twin->criu; }

void sleep_until_answered(Twin& twin) {
  const timespec limit{0, kLookAgain_ns};
  twin.criu_asleep = 1;
  while (twin.turn == kTwin) {
    raw(SYS_futex, &twin.turn, FUTEX_WAIT_PRIVATE, kTwin, &limit);
    int status;
    if (twin.turn == kTwin && raw(SYS_wait4, twin.pid, &status, WNOHANG | __WALL, nullptr) != 0) {
      twin.lost = true;
      twin.call.result = -ESRCH;
      break;
    }
  }
  twin.criu_asleep = 0;
}

long ask(long number, long a, long b, long c, long d) {
  Twin& twin = *the_twin;
  asking = true;
  twin.call = {number, {a, b, c, d}, 0, 0};
  raw(SYS_getcpu, &twin.call.cpu, nullptr, nullptr);
  twin.turn = kTwin;
  if (twin.twin_asleep != 0) raw(SYS_tgkill, twin.pid, twin.pid, SIGUSR1);
  // A wait is for a task that needs a CPU, perhaps ours.
  for (int i = 0; i < kSpins && number == SYS_ptrace && twin.turn == kTwin; ++i) __builtin_ia32_pause();
  if (twin.turn == kTwin) sleep_until_answered(twin);
  const long result = twin.call.result;
  asking = false;
  if (missed) {
    missed = false;
    raw(SYS_kill, twin.criu, SIGCHLD);
  }
  return result;
}

void write_oom_score(const char* score) {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, score, strlen(score)) < 0) usual_oom_score[0] = '\0';  // not permitted: nothing to take back
  close(fd);
}

void take_back_oom_score() {
  if (usual_oom_score[0] != '\0') write_oom_score(usual_oom_score);
}

// For CRIU and, as they share their memory, for the twin; not for the programs that CRIU starts.
void ask_oom_killer_to_spare() {
  const int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t got = read(fd, usual_oom_score, sizeof usual_oom_score - 1);
  close(fd);
  if (got <= 0) return;
  write_oom_score(kUnkillable);
  if (usual_oom_score[0] != '\0') pthread_atfork(nullptr, nullptr, take_back_oom_score);
}

void* map(size_t size) {
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

// With the library, not at the first task: that would be part of the pause.
__attribute__((constructor)) void start() {
  // The twin must not keep CRIU's sockets open (Linux 5.9).
  if (getenv(kWanted) == nullptr || is_error(raw(SYS_close_range, ~0U, ~0U, 0))) return;
  auto* twin = static_cast<Twin*>(map(sizeof(Twin)));
  char* stack = static_cast<char*>(map(kStack));
  if (twin == nullptr || stack == nullptr) return;
  twin->criu = static_cast<pid_t>(raw(SYS_getpid));
  ask_oom_killer_to_spare();
  raw(SYS_setpriority, PRIO_PROCESS, 0, kNice);
  // Born with all signals blocked: CRIU's handlers are not for the twin.
  uint64_t all = ~0ULL, before = 0;
  raw(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  // No exit signal: CRIU's waits for its children do not see it.
  twin->pid = clone(run, stack + kStack, CLONE_VM, twin);
  raw(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof all);
  if (twin->pid > 0) the_twin = twin;
}

bool is_own_child(pid_t pid) {
  return raw(SYS_waitid, P_PID, pid, nullptr, WEXITED | WNOHANG | WNOWAIT | __WALL, nullptr) != -ECHILD;
}

long own_wait(pid_t pid, int* status, int options, rusage* usage) {
  return raw(SYS_wait4, pid, status, options, usage);
}

long twins_wait(pid_t pid, int* status, int options, rusage* usage) {
  return ask(SYS_wait4, pid, reinterpret_cast<long>(status), options, reinterpret_cast<long>(usage));
}

// Whichever is first: a child of CRIU's own (without __WALL: the twin is one that only that shows) or a task that is traced.
long wait_for_any(int* status, int options, rusage* usage) {
  for (;;) {
    const long own = own_wait(-1, status, (options & ~__WALL) | WNOHANG, usage);
    if (own > 0) return own;
    if (asking) {
      missed = true;  // from the handler of SIGCHLD, in the middle of another request
      return own;
    }
    const bool has_children = own == 0;
    const long twins = twins_wait(-1, status, has_children ? options | WNOHANG : options, usage);
    const bool over = !has_children || (options & WNOHANG) != 0;
    if (twins > 0 || (over && twins != -ECHILD)) return twins;
    if (over) return has_children ? 0 : twins;
    const timespec pause{0, kBetweenLooks_ns};
    raw(SYS_nanosleep, &pause, nullptr);
  }
}

pid_t wait_for(pid_t pid, int* status, int options, rusage* usage) {
  long result;
  if (is_here() && pid == -1) {
    result = wait_for_any(status, options, usage);
  } else if (pid > 0 && is_here() && the_twin->ledger.find(pid) != nullptr) {
    result = twins_wait(pid, status, options, usage);
  } else {
    result = own_wait(pid, status, options, usage);
  }
  return static_cast<pid_t>(with_errno(result));
}

}  // namespace

bool traces(long request, pid_t tid) {
  if (request != PTRACE_SEIZE && request != PTRACE_ATTACH) return is_here() && the_twin->ledger.find(tid) != nullptr;
  if (is_own_child(tid)) {
    if (request == PTRACE_SEIZE) without_twin = true;  // a restore; probes of the kernel attach
    return false;
  }
  return !without_twin && is_here();
}

long ask_to_trace(long request, pid_t tid, long address, long data) { return ask(SYS_ptrace, request, tid, address, data); }

}  // namespace ferry::criu::twin

namespace twin = ferry::criu::twin;

extern "C" __attribute__((visibility("default"))) pid_t wait4(pid_t pid, int* status, int options, rusage* usage) noexcept {
  return twin::wait_for(pid, status, options, usage);
}

extern "C" __attribute__((visibility("default"))) pid_t waitpid(pid_t pid, int* status, int options) {
  return twin::wait_for(pid, status, options, nullptr);
}

#endif
