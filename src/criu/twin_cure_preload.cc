// SPDX-License-Identifier: Apache-2.0
//
// What the twin does when CRIU has ended without letting go of its tasks.
//
// Only tasks that CRIU has changed are of interest: the kernel lets the others go when the twin ends. All of them are stopped first,
// then code is put back, then each has its registers again. One kind of task must not be overwritten: the main thread of a
// process whose parasite waits for orders. It notices by itself that CRIU's socket is closed, closes its own, undoes what it has
// done to the process and returns to where it was, all by the parasite's own code; the twin waits for that.
//
// Every task is let go from a stop in the kernel's signal path: there the kernel itself restarts an interrupted system call,
// when it finds in the registers what it has put there.
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "criu/raw_syscall.h"
#include "criu/twin.h"

#if defined(__x86_64__)

namespace ferry::criu::twin {
namespace {

constexpr int kAllLimit_ms = 5000;    // for everything; what hangs then is let go as it is
constexpr int kHomeLimit_ms = 1000;   // for a parasite to go home: microseconds, unless it is in the middle of a write
constexpr long kFirstLook_ns = 20'000, kLongestLook_ns = 4'000'000;
constexpr int kSyscallStop = SIGTRAP | 0x80;
constexpr long kSyscallCode = 0x050f, kSyscallCodeMask = 0xffff;
constexpr int kMostStops = 8;  // on the way to the one that is wanted

long now_ms() {
  timespec now{};
  raw(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

long ask_kernel(long request, const Tracee& tracee, long address = 0, long data = 0) {
  return raw(SYS_ptrace, request, tracee.tid, address, data);
}

bool is_syscall_stop(const Tracee& tracee) { return WSTOPSIG(tracee.status) == kSyscallStop; }
bool is_event_stop(const Tracee& tracee) { return tracee.status >> 16 != 0; }

// 0: none but the trap that CRIU's own code ends in.
int signal_in_delivery(const Tracee& tracee) {
  if (is_syscall_stop(tracee) || is_event_stop(tracee)) return 0;
  const int number = WSTOPSIG(tracee.status);
  return number == SIGTRAP && !tracee.went_home ? 0 : number;
}

class Cure {
 public:
  explicit Cure(Twin& twin) : twin_(twin), ledger_(twin.ledger), deadline_ms_(now_ms() + kAllLimit_ms) {}

  void run() {
    end_tcp_repair(ledger_);
    for_each([&](Tracee& tracee) { halt_first(tracee); });
    for (size_t i = kMostOverwritten; i-- > 0;) {
      const Overwritten& one = ledger_.overwritten[i];
      if (one.tid != 0) raw(SYS_ptrace, PTRACE_POKEDATA, one.tid, one.address, one.before);
    }
    for_each([&](Tracee& tracee) { await_home(tracee); });
    for_each([&](Tracee& tracee) { clear(tracee); });
    for_each([&](Tracee& tracee) { put_back(tracee); });
  }

 private:
  template <class Step>
  void for_each(Step step) {
    for (size_t i = 0; i < ledger_.count; ++i) {
      if (ledger_.tracees[i].tid != 0 && ledger_.tracees[i].changed) step(ledger_.tracees[i]);
    }
  }

  // False when it has died, or does not stop in time.
  bool await_stop(Tracee& tracee) {
    const pid_t tid = tracee.tid;
    while (!tracee.stopped) {
      int status = 0;
      const long got = raw(SYS_wait4, tid, &status, WNOHANG | __WALL, nullptr);
      if (got > 0) note_wait(ledger_, tid, status);
      if (got < 0 || tracee.tid == 0) return false;
      const long left = deadline_ms_ - now_ms();
      if (!tracee.stopped && left <= 0) return false;
      if (!tracee.stopped) await_stop_signal(twin_, static_cast<int>(left));
    }
    return true;
  }

  bool halt(Tracee& tracee) {
    if (tracee.stopped) return true;
    int status = 0;
    const pid_t tid = tracee.tid;
    if (raw(SYS_wait4, tid, &status, WNOHANG | __WALL, nullptr) == tid) {
      note_wait(ledger_, tid, status);
    } else {
      ask_kernel(PTRACE_INTERRUPT, tracee);
    }
    return await_stop(tracee);
  }

  bool resume(Tracee& tracee, long request) {
    if (const int number = signal_in_delivery(tracee); number != 0) tracee.owed = number;
    tracee.stopped = tracee.launched = false;
    return !is_error(ask_kernel(request, tracee));
  }

  bool is_in_map(const Tracee& tracee, const user_regs_struct& now) const { return now.rip - tracee.map < tracee.map_size; }

  // From a parasite that was running there is one way out of its code: back to the task's own.
  void halt_first(Tracee& tracee) {
    const bool ran = !tracee.stopped;
    const bool in_remote_call = find_overwritten(ledger_, tracee.tid, tracee.launch.rip) != nullptr;
    if (!halt(tracee)) return;
    user_regs_struct now{};
    if (ran && !in_remote_call && tracee.map != 0 && read_registers(tracee.tid, now)) {
      tracee.went_home = !is_in_map(tracee, now);
    }
    if (ran && !tracee.went_home) take_trap(tracee);
  }

  // One that ran into the end of CRIU's code in the moment in which it was halted has stopped for us first, with the trap still to
  // come: after we have let go that would be its death. It comes without another instruction, and is not delivered.
  void take_trap(Tracee& tracee) {
    if (is_event_stop(tracee) && has_trap_pending(tracee) && resume(tracee, PTRACE_CONT)) await_stop(tracee);
  }

  bool has_trap_pending(const Tracee& tracee) {
    siginfo_t info{};
    __ptrace_peeksiginfo_args next{0, 0, 1};  // of the thread's own signals, one at a time
    for (; ask_kernel(PTRACE_PEEKSIGINFO, tracee, (long)&next, (long)&info) == 1; ++next.off) {
      if (info.si_signo == SIGTRAP && info.si_code > 0) return true;  // from the kernel, nobody's kill(2)
    }
    return false;
  }

  void await_home(Tracee& tracee) {
    const long limit_ms = now_ms() + kHomeLimit_ms;
    user_regs_struct now{};
    for (long pause_ns = kFirstLook_ns; tracee.map != 0 && !tracee.went_home && now_ms() < limit_ms;) {
      if (!halt(tracee) || !read_registers(tracee.tid, now)) return;
      if (!is_in_map(tracee, now)) {
        tracee.went_home = pause_ns != kFirstLook_ns;  // else it had not been let go into the parasite
        return;
      }
      clear_debug_registers(tracee);
      if (!resume(tracee, PTRACE_CONT)) return;
      const timespec pause{0, pause_ns};
      raw(SYS_nanosleep, &pause, nullptr);
      if (pause_ns < kLongestLook_ns) pause_ns *= 2;
    }
    halt(tracee);
  }

  void clear_debug_registers(Tracee& tracee) {
    if (!tracee.debug_registers) return;
    ask_kernel(PTRACE_POKEUSER, tracee, offsetof(struct user, u_debugreg[7]), 0);
    ask_kernel(PTRACE_POKEUSER, tracee, offsetof(struct user, u_debugreg[0]), 0);
    tracee.debug_registers = false;
  }

  // From any stop to one in the signal path, without an instruction in between.
  bool to_signal_path(Tracee& tracee) {
    for (int i = 0; i < kMostStops && is_syscall_stop(tracee); ++i) {
      ask_kernel(PTRACE_INTERRUPT, tracee);
      if (!resume(tracee, PTRACE_CONT) || !await_stop(tracee)) return false;
    }
    return true;
  }

  bool to_syscall_stop(Tracee& tracee) {
    for (int i = 0; i < kMostStops; ++i) {
      if (!resume(tracee, PTRACE_SYSCALL) || !await_stop(tracee)) return false;
      if (is_syscall_stop(tracee)) return true;
    }
    return false;
  }

  // A system call in the task, at the place where CRIU had it make its own; afterwards all is as before.
  void call_there(Tracee& tracee, long number, long first, long second) {
    user_regs_struct before{};
    uint64_t mask = 0, all = ~0ULL;
    long word = 0;
    if (tracee.code == 0 || !tracee.stopped || !to_signal_path(tracee) || !read_registers(tracee.tid, before)) return;
    if (is_error(ask_kernel(PTRACE_GETSIGMASK, tracee, sizeof mask, (long)&mask))) return;
    if (is_error(ask_kernel(PTRACE_PEEKDATA, tracee, tracee.code, (long)&word))) return;
    user_regs_struct call = before;
    call.rip = tracee.code;
    call.orig_rax = ~0ULL;
    call.rax = number;
    call.rdi = first;
    call.rsi = second;
    ask_kernel(PTRACE_SETSIGMASK, tracee, sizeof all, (long)&all);
    ask_kernel(PTRACE_POKEDATA, tracee, tracee.code, (word & ~kSyscallCodeMask) | kSyscallCode);
    if (write_registers(tracee.tid, call) && to_syscall_stop(tracee)) to_syscall_stop(tracee);  // into it, out of it
    to_signal_path(tracee);
    ask_kernel(PTRACE_POKEDATA, tracee, tracee.code, word);
    write_registers(tracee.tid, before);
    ask_kernel(PTRACE_SETSIGMASK, tracee, sizeof mask, (long)&mask);
  }

  void clear(Tracee& tracee) {
    if (tracee.map != 0) call_there(tracee, SYS_munmap, tracee.map, tracee.map_size);
    if (tracee.memory_fd >= 0) call_there(tracee, SYS_close, tracee.memory_fd, 0);
  }

  void put_back(Tracee& tracee) {
    if (!tracee.stopped || !to_signal_path(tracee)) return;
    clear_debug_registers(tracee);
    if (!tracee.went_home) {
      write_registers(tracee.tid, tracee.registers, tracee.registers_size);
      iovec area{tracee.vectors, tracee.vectors_size};
      if (tracee.vectors != nullptr) ask_kernel(PTRACE_SETREGSET, tracee, tracee.vectors_type, (long)&area);
      ask_kernel(PTRACE_SETSIGMASK, tracee, sizeof tracee.signal_mask, (long)&tracee.signal_mask);
    }
    if (tracee.owed != 0) raw(SYS_tkill, tracee.tid, tracee.owed);
    ask_kernel(PTRACE_DETACH, tracee, 0, signal_in_delivery(tracee));
  }

  Twin& twin_;
  Ledger& ledger_;
  const long deadline_ms_;
};

}  // namespace

void put_all_back(Twin& twin) { Cure(twin).run(); }

}  // namespace ferry::criu::twin

#endif
