// SPDX-License-Identifier: Apache-2.0
#include "kernel/injection_arch.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>

namespace ferry::kernel {
namespace {

bool exchange_set(__ptrace_request request, pid_t tid, unsigned long kind, void* data, size_t& bytes) {
  iovec vector{data, bytes};
  if (::ptrace(request, tid, kind, &vector) < 0) return false;
  bytes = vector.iov_len;
  return true;
}

}  // namespace

std::optional<Registers> try_get_registers(pid_t tid) {
  Registers registers;
  size_t bytes = sizeof(registers.general);
  if (!exchange_set(PTRACE_GETREGSET, tid, NT_PRSTATUS, &registers.general, bytes)) return std::nullopt;
  if (bytes != sizeof(registers.general)) return std::nullopt;  // the smaller set of a 32-bit task
#ifdef __aarch64__
  bytes = sizeof(registers.system_call);
  if (!exchange_set(PTRACE_GETREGSET, tid, NT_ARM_SYSTEM_CALL, &registers.system_call, bytes)) return std::nullopt;
#endif
  return registers;
}

bool try_set_registers(pid_t tid, const Registers& registers) {
  Registers copy = registers;
  size_t bytes = sizeof(copy.general);
  if (!exchange_set(PTRACE_SETREGSET, tid, NT_PRSTATUS, &copy.general, bytes)) return false;
#ifdef __aarch64__
  bytes = sizeof(copy.system_call);
  if (!exchange_set(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &copy.system_call, bytes)) return false;
#endif
  return true;
}

#if defined(__x86_64__)

const std::string_view kCallInstruction = "\x0f\x05";  // syscall
const size_t kCallAlignment = 1;

Registers registers_for(const Registers& now, uint64_t instruction, const SystemCall& call) {
  Registers next = now;
  next.general.rip = instruction;
  next.general.rax = static_cast<unsigned long>(call.number);
  next.general.orig_rax = static_cast<unsigned long>(-1);  // nothing to restart
  next.general.rdi = call.arguments[0];
  next.general.rsi = call.arguments[1];
  next.general.rdx = call.arguments[2];
  next.general.r10 = call.arguments[3];
  next.general.r8 = call.arguments[4];
  next.general.r9 = call.arguments[5];
  return next;
}

long result_in(const Registers& registers) { return static_cast<long>(registers.general.rax); }
uint64_t program_counter(const Registers& registers) { return registers.general.rip; }
void set_program_counter(Registers& registers, uint64_t address) { registers.general.rip = address; }
bool in_system_call(const Registers& registers) { return static_cast<long>(registers.general.orig_rax) >= 0; }

namespace {

bool waits_for_ever(const user_regs_struct& registers) {
  switch (registers.orig_rax) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait: return static_cast<int>(registers.r10) < 0;
    case SYS_epoll_pwait2: return registers.r10 == 0;
    case SYS_semop: return true;
    case SYS_semtimedop: return registers.r10 == 0;
    case SYS_rt_sigtimedwait: return registers.rdx == 0;
    case SYS_io_getevents: return registers.r8 == 0;
    default: return false;
  }
}

}  // namespace

void wait_again_if_interrupted(Registers& registers) {
  if (result_in(registers) != -EINTR || !waits_for_ever(registers.general)) return;
  registers.general.rip -= kCallInstruction.size();
  registers.general.rax = registers.general.orig_rax;
  registers.general.orig_rax = static_cast<unsigned long>(-1);
}

#elif defined(__aarch64__)

const std::string_view kCallInstruction("\x01\x00\x00\xd4", 4);  // svc #0
const size_t kCallAlignment = 4;

Registers registers_for(const Registers& now, uint64_t instruction, const SystemCall& call) {
  Registers next = now;
  next.general.pc = instruction;
  next.general.regs[8] = static_cast<unsigned long>(call.number);
  for (size_t i = 0; i < call.arguments.size(); ++i) next.general.regs[i] = call.arguments[i];
  next.system_call = -1;  // nothing to restart
  return next;
}

long result_in(const Registers& registers) { return static_cast<long>(registers.general.regs[0]); }
uint64_t program_counter(const Registers& registers) { return registers.general.pc; }
void set_program_counter(Registers& registers, uint64_t address) { registers.general.pc = address; }
bool in_system_call(const Registers& registers) { return registers.system_call >= 0; }
// The first argument is lost when the result has taken its register: the task sees EINTR.
void wait_again_if_interrupted(Registers&) {}

#else
#error "an injection must know this machine's registers"
#endif

}  // namespace ferry::kernel
