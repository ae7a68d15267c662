// SPDX-License-Identifier: Apache-2.0
//
// The twin: a process beside a CRIU that dumps, which does its ptrace(2) and the waits for what it traces.
//
// CRIU runs system calls and code of its own in the tasks (`syscall; int3` over their code, a parasite mapped into them). When the
// tracer goes away in the middle of that, they run on from there: int3 without a tracer is death by SIGTRAP. So the tracer is not
// CRIU but its twin, which the death of CRIU does not touch. It knows what each task was before CRIU changed anything in it, and
// when CRIU ends without having let go, it puts every task back and lets go itself.
//
// It is made with clone(CLONE_VM) when CRIU starts: its own process with its own (closed) descriptors and the same memory, so CRIU's
// pointers are good in it as they are and a request is one system call in a mailbox. errno and malloc are shared
// too: the twin's side uses system calls only.
//
// While it holds the tasks it shares their fate, as the capsule's init does: it bears a name of its own (workload-twin), so
// that a kill of all that is called ferry or criu leaves it. Killed all the same, within the 1 ms or so per task in which CRIU has code
// in it, that task dies with it. Against the OOM killer CRIU and the twin are exempt where ferry may say so (CAP_SYS_RESOURCE); without
// that it kills both at once, as it kills all that share a memory. Only a dump has a twin (the environment
// says kWanted): a restore's tasks die with a CRIU that is killed (release_place.h), and nothing is lost.
#pragma once

#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ferry::criu::twin {

// The tasks are stopped while the two work: on a busy machine each wait for a CPU would be part of the pause.
inline constexpr int kNice = -20;
inline constexpr const char* kWanted = "FERRY_TWIN";
inline constexpr const char* kName = "workload-twin";

// A system call with the pid of a task in its arguments, to be made by the twin.
struct Call {
  long number = 0;  // SYS_ptrace or SYS_wait4
  long arguments[6] = {};
  long result = 0;
  unsigned cpu = 0;  // where CRIU waits for the answer
};

// What is known of a task that is traced. Its place stays the same for the twin's life.
struct Tracee {
  pid_t tid;       // 0: let go, or dead
  bool stopped;    // and the stop has been collected; `status` is its wait status
  int status;
  // What it was before CRIU changed its registers or its mask for the first time.
  bool changed;
  user_regs_struct registers;
  size_t registers_size;
  uint64_t signal_mask;
  void* vectors;
  size_t vectors_size;
  int vectors_type;
  // What CRIU has it run: the registers it was last given, and whether it has been let go with them.
  user_regs_struct launch;
  bool launch_set, launched;
  bool debug_registers;
  // What such runs have left in the process.
  uint64_t code;  // where system calls are run
  uint64_t map, map_size;
  int memory_fd;  // -1: none
  int owed;       // a signal that was on its way to it
  bool went_home;  // the parasite's main thread has taken up its own work again
};

// A word of a task's memory that CRIU has overwritten.
struct Overwritten {
  pid_t tid;
  uint64_t address;
  uint64_t before;
};

inline constexpr size_t kMostTracees = 32'768;      // threads of one dump
inline constexpr size_t kPlaces = 2 * kMostTracees;  // of the hash table
inline constexpr size_t kMostOverwritten = 64;      // CRIU has four at a time
inline constexpr size_t kMostVectors = 16 * 1024;   // xstate: 2.7 KiB with AVX-512, 11 KiB with AMX

struct Ledger {
  Tracee tracees[kMostTracees];
  uint32_t places[kPlaces];  // index + 1
  size_t count;
  Overwritten overwritten[kMostOverwritten];
  char scratch[kMostVectors];
  char* arena;
  size_t arena_left;

  Tracee* find(pid_t tid);
};

// Whose turn it is: the other one sleeps or spins.
enum Turn : uint32_t { kCriu, kTwin };

struct Twin {
  std::atomic<uint32_t> turn;
  std::atomic<uint32_t> criu_asleep, twin_asleep;
  Call call;
  pid_t pid, criu;
  bool lost;         // the twin has died
  bool criu_ended;
  Ledger ledger;
};

// CRIU's side. Whether a call of ptrace(2) is the twin's; then it makes it, and gives -errno on failure.
#if defined(__x86_64__)
bool traces(long request, pid_t tid);
long ask_to_trace(long request, pid_t tid, long address, long data);
#else
inline bool traces(long, pid_t) { return false; }
inline long ask_to_trace(long, pid_t, long, long) { return 0; }
#endif

// The twin's side. None of this touches errno or allocates from the heap.
int run(void* twin);
void await_stop_signal(Twin& twin, int limit_ms);  // returns at the first sign of a stop, of CRIU's end, or of the limit
long trace(Twin& twin, long request, pid_t tid, long address, long data);
void note_wait(Ledger& ledger, pid_t tid, int status);
Overwritten* find_overwritten(Ledger& ledger, pid_t tid, uint64_t address);
bool read_registers(pid_t tid, user_regs_struct& registers);
bool write_registers(pid_t tid, user_regs_struct& registers, size_t size = sizeof(user_regs_struct));
void end_tcp_repair(Ledger& ledger);
// CRIU has ended: all that it traced becomes what it was.
void put_all_back(Twin& twin);

}  // namespace ferry::criu::twin
