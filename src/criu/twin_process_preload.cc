// SPDX-License-Identifier: Apache-2.0
//
// The twin's own life: it waits for CRIU's calls, for signs of the tasks it traces, and for the end of CRIU. All three are signals
// that are blocked and taken one by one, so none is missed and there is no descriptor to keep.
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "criu/raw_syscall.h"
#include "criu/twin.h"

#if defined(__x86_64__)

namespace ferry::criu::twin {
namespace {

constexpr int kCalled = SIGUSR1, kCriuEnded = SIGUSR2;
constexpr uint64_t bit(int number) { return 1ULL << (number - 1); }
constexpr uint64_t kAwaited = bit(kCalled) | bit(kCriuEnded) | bit(SIGCHLD);
constexpr int kSpins = 4000;           // about 100 µs: CRIU's next call mostly comes at once
constexpr int kPriority = 1;
constexpr uintptr_t kPage = 4096;
constexpr size_t kFirstTracees = 64 * 1024;  // bytes: a hundred tasks
constexpr int kLookAgain_ms = 1000;    // whether CRIU lives; its end is told by a signal

// The signal; 0 after the limit.
int take_signal(Twin& twin, int limit_ms) {
  const timespec limit{limit_ms / 1000, limit_ms % 1000 * 1'000'000L};
  const long number = raw(SYS_rt_sigtimedwait, &kAwaited, nullptr, &limit, sizeof kAwaited);
  if (number == kCriuEnded || raw(SYS_getppid) != twin.criu) twin.criu_ended = true;
  return number > 0 ? static_cast<int>(number) : 0;
}

// A task has stopped or died and CRIU has not asked: as a tracer it would have got the signal itself, and may have a handler.
void pass_on_child_signal(Twin& twin) {
  siginfo_t info{};
  const long waiting =
      raw(SYS_waitid, P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL, nullptr);
  if (waiting == 0 && info.si_pid != 0) raw(SYS_kill, twin.criu, SIGCHLD);
}

// CRIU waits for each answer. Not permitted: then with CRIU's own priority. The first touch of a page takes time, too.
void be_quick(Twin& twin) {
  const sched_param priority{kPriority};
  raw(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority);
  raw(SYS_madvise, &twin, kFirstTracees, MADV_POPULATE_WRITE);
  const uintptr_t rest = reinterpret_cast<uintptr_t>(twin.ledger.places) & ~(kPage - 1);
  raw(SYS_madvise, rest, reinterpret_cast<uintptr_t>(&twin + 1) - rest, MADV_POPULATE_WRITE);
}

// Not where CRIU itself wants to go on.
bool may_spin(const Twin& twin) {
  unsigned cpu = 0;
  raw(SYS_getcpu, &cpu, nullptr, nullptr);
  return cpu != twin.call.cpu;
}

// False when CRIU has ended.
bool await_call(Twin& twin) {
  for (int i = may_spin(twin) ? kSpins : 0; i > 0; --i) {
    if (twin.turn == kTwin) return true;
    __builtin_ia32_pause();
  }
  while (!twin.criu_ended) {
    twin.twin_asleep = 1;
    const int number = twin.turn == kTwin ? kCalled : take_signal(twin, kLookAgain_ms);
    twin.twin_asleep = 0;
    if (twin.turn == kTwin) return true;
    if (number == SIGCHLD) pass_on_child_signal(twin);
  }
  return false;
}

// As wait4(2), but it ends when CRIU does.
long wait_for(Twin& twin, long tid, long status_at, long options, long usage) {
  int status = 0;
  for (;;) {
    const long result = raw(SYS_wait4, tid, &status, options | WNOHANG, usage);
    if (result > 0) note_wait(twin.ledger, static_cast<pid_t>(result), status);
    if (result > 0 && status_at != 0) *reinterpret_cast<int*>(status_at) = status;
    if (result != 0 || (options & WNOHANG) != 0 || twin.criu_ended) return result;
    take_signal(twin, kLookAgain_ms);
  }
}

void answer(Twin& twin) {
  Call& call = twin.call;
  const long* a = call.arguments;
  if (call.number == SYS_ptrace) {
    call.result = trace(twin, a[0], static_cast<pid_t>(a[1]), a[2], a[3]);
  } else {
    call.result = wait_for(twin, a[0], a[1], a[2], a[3]);
  }
  twin.turn = kCriu;
  if (twin.criu_asleep != 0) raw(SYS_futex, &twin.turn, FUTEX_WAKE_PRIVATE, 1);
}

}  // namespace

void await_stop_signal(Twin& twin, int limit_ms) { take_signal(twin, limit_ms); }

int run(void* argument) {
  Twin& twin = *static_cast<Twin*>(argument);
  raw(SYS_close_range, 0U, ~0U, 0);
  raw(SYS_prctl, PR_SET_NAME, kName);
  be_quick(twin);
  // Sent when CRIU's descriptors are closed; it may have ended before we asked.
  raw(SYS_prctl, PR_SET_PDEATHSIG, kCriuEnded);
  if (raw(SYS_getppid) != twin.criu) twin.criu_ended = true;
  while (await_call(twin)) answer(twin);
  put_all_back(twin);
  raw(SYS_exit_group, 0);
  return 0;
}

}  // namespace ferry::criu::twin

#endif
