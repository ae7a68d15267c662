// SPDX-License-Identifier: Apache-2.0
//
// What the twin writes down while it serves CRIU: of each task what it was before the first change, each word of code that was
// overwritten, and what the system calls that CRIU had tasks make have left in them.
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>

#include "criu/raw_syscall.h"
#include "criu/twin.h"

#if defined(__x86_64__)

namespace ferry::criu::twin {
namespace {

constexpr size_t kArenaChunk = 1024 * 1024;
constexpr uint64_t kSyscallSize = 2, kTrapSize = 1;  // 0f 05 cc
constexpr uint64_t kWord = sizeof(long);

uint32_t* place_of(Ledger& ledger, pid_t tid) {
  uint32_t at = static_cast<uint32_t>(tid) % kPlaces;
  // A place stays taken when its task is let go; there are twice as many as tasks, so the search ends.
  while (ledger.places[at] != 0 && ledger.tracees[ledger.places[at] - 1].tid != tid) at = (at + 1) % kPlaces;
  return &ledger.places[at];
}

void add(Ledger& ledger, pid_t tid) {
  uint32_t* place = place_of(ledger, tid);
  Tracee& tracee = ledger.tracees[ledger.count++];
  tracee.tid = tid;
  tracee.memory_fd = -1;
  *place = static_cast<uint32_t>(ledger.count);
}

void* keep(Ledger& ledger, size_t size) {
  size = (size + 63) & ~size_t{63};
  if (ledger.arena_left < size) {
    const long fresh = raw(SYS_mmap, nullptr, kArenaChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (is_error(fresh)) return nullptr;
    ledger.arena = reinterpret_cast<char*>(fresh);
    ledger.arena_left = kArenaChunk;
  }
  void* kept = ledger.arena;
  ledger.arena += size;
  ledger.arena_left -= size;
  memcpy(kept, ledger.scratch, size);
  return kept;
}

void remember_vectors(Ledger& ledger, Tracee& tracee) {
  for (const int type : {NT_X86_XSTATE, NT_PRFPREG}) {
    iovec area{ledger.scratch, kMostVectors};
    if (is_error(raw(SYS_ptrace, PTRACE_GETREGSET, tracee.tid, type, &area))) continue;
    tracee.vectors = keep(ledger, area.iov_len);
    tracee.vectors_size = area.iov_len;
    tracee.vectors_type = type;
    return;
  }
}

// A task that was in the middle of a restartable sequence has left it when code of CRIU's has run in it: the kernel would have sent
// it to the sequence's end for aborts.
void leave_restartable_sequence(Tracee& tracee) {
  __ptrace_rseq_configuration rseq{};
  if (is_error(raw(SYS_ptrace, PTRACE_GET_RSEQ_CONFIGURATION, tracee.tid, sizeof rseq, &rseq))) return;
  if (rseq.rseq_abi_pointer == 0) return;
  constexpr uint64_t kSequence = 8, kStart = 8, kLength = 16, kAbort = 24;  // in struct rseq and struct rseq_cs
  const auto peek = [&](uint64_t address) {
    uint64_t word = 0;
    raw(SYS_ptrace, PTRACE_PEEKDATA, tracee.tid, address, &word);
    return word;
  };
  const uint64_t sequence = peek(rseq.rseq_abi_pointer + kSequence);
  if (sequence == 0) return;
  if (tracee.registers.rip - peek(sequence + kStart) < peek(sequence + kLength)) {
    tracee.registers.rip = peek(sequence + kAbort);
  }
}

// Before the first change.
void remember(Ledger& ledger, Tracee& tracee) {
  if (tracee.changed) return;
  iovec area{&tracee.registers, sizeof tracee.registers};
  if (is_error(raw(SYS_ptrace, PTRACE_GETREGSET, tracee.tid, NT_PRSTATUS, &area))) return;
  if (is_error(raw(SYS_ptrace, PTRACE_GETSIGMASK, tracee.tid, sizeof tracee.signal_mask, &tracee.signal_mask))) return;
  tracee.registers_size = area.iov_len;
  remember_vectors(ledger, tracee);
  if (area.iov_len == sizeof tracee.registers) leave_restartable_sequence(tracee);
  tracee.changed = true;
}

long overwrite(Ledger& ledger, pid_t tid, uint64_t address, uint64_t word) {
  Overwritten* known = find_overwritten(ledger, tid, address);
  if (known == nullptr) {
    uint64_t before = 0;
    const long peeked = raw(SYS_ptrace, PTRACE_PEEKDATA, tid, address, &before);
    if (is_error(peeked)) return peeked;
    Overwritten* place = find_overwritten(ledger, 0, 0);
    if (place == nullptr) return -EIO;
    *place = {tid, address, before};
    known = place;
  }
  const long result = raw(SYS_ptrace, PTRACE_POKEDATA, tid, address, word);
  if (!is_error(result) && known->before == word) *known = {};
  return result;
}

// What a system call that CRIU had the task make has changed in the process.
void note_remote_call(Ledger& ledger, Tracee& tracee) {
  const user_regs_struct& asked = tracee.launch;
  if (find_overwritten(ledger, tracee.tid, asked.rip) == nullptr) return;  // the parasite's code ran
  tracee.code = asked.rip;
  user_regs_struct now{};
  if (!read_registers(tracee.tid, now)) return;
  const uint64_t done = now.rip - asked.rip;
  const auto result = static_cast<long>(now.rax);
  if (done < kSyscallSize || done > kSyscallSize + kTrapSize || is_error(result)) return;
  if (asked.rax == SYS_memfd_create) tracee.memory_fd = static_cast<int>(result);
  if (asked.rax == SYS_close && static_cast<int>(asked.rdi) == tracee.memory_fd) tracee.memory_fd = -1;
  if (asked.rax == SYS_mmap && tracee.map == 0) {
    tracee.map = now.rax;
    tracee.map_size = asked.rsi;
  }
  if (asked.rax == SYS_munmap && asked.rdi == tracee.map) tracee.map = 0;
}

bool is_resumption(long request) {
  return request == PTRACE_CONT || request == PTRACE_SYSCALL || request == PTRACE_SINGLESTEP;
}

}  // namespace

Tracee* Ledger::find(pid_t tid) {
  if (tid <= 0) return nullptr;
  const uint32_t place = *place_of(*this, tid);
  return place == 0 ? nullptr : &tracees[place - 1];
}

Overwritten* find_overwritten(Ledger& ledger, pid_t tid, uint64_t address) {
  for (Overwritten& one : ledger.overwritten) {
    if (one.tid == tid && one.address == address) return &one;
  }
  return nullptr;
}

bool read_registers(pid_t tid, user_regs_struct& registers) {
  iovec area{&registers, sizeof registers};
  return !is_error(raw(SYS_ptrace, PTRACE_GETREGSET, tid, NT_PRSTATUS, &area)) && area.iov_len == sizeof registers;
}

bool write_registers(pid_t tid, user_regs_struct& registers, size_t size) {
  iovec area{&registers, size};
  return !is_error(raw(SYS_ptrace, PTRACE_SETREGSET, tid, NT_PRSTATUS, &area));
}

void note_wait(Ledger& ledger, pid_t tid, int status) {
  Tracee* tracee = ledger.find(tid);
  if (tracee == nullptr) return;
  if (!WIFSTOPPED(status)) {
    tracee->tid = 0;
    return;
  }
  tracee->stopped = true;
  tracee->status = status;
  if (tracee->launched) note_remote_call(ledger, *tracee);
}

long trace(Twin& twin, long request, pid_t tid, long address, long data) {
  Ledger& ledger = twin.ledger;
  Tracee* tracee = ledger.find(tid);
  const bool begins = request == PTRACE_SEIZE || request == PTRACE_ATTACH;
  if (begins && ledger.count == kMostTracees) return -ENOMEM;
  if (tracee != nullptr) {
    if (request == PTRACE_POKETEXT || request == PTRACE_POKEDATA) return overwrite(ledger, tid, address, data);
    const bool changes = request == PTRACE_SETREGSET || request == PTRACE_SETREGS || request == PTRACE_SETSIGMASK ||
                         request == PTRACE_SETFPREGS;
    if (changes) remember(ledger, *tracee);
    if (request == PTRACE_POKEUSER) tracee->debug_registers = true;
  }
  const long result = raw(SYS_ptrace, request, tid, address, data);
  if (is_error(result)) return result;
  if (begins) add(ledger, tid);
  if (tracee == nullptr) return result;
  if (request == PTRACE_SETREGSET && address == NT_PRSTATUS) {
    const auto* area = reinterpret_cast<const iovec*>(data);
    tracee->launch_set = area->iov_len == sizeof tracee->launch;
    if (tracee->launch_set) memcpy(&tracee->launch, area->iov_base, sizeof tracee->launch);
  }
  if (is_resumption(request)) {
    tracee->stopped = false;
    tracee->launched = tracee->launch_set;
  }
  if (request == PTRACE_DETACH) tracee->tid = 0;
  return result;
}

}  // namespace ferry::criu::twin

#endif
