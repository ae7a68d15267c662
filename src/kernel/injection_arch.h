// SPDX-License-Identifier: Apache-2.0
//
// All that an injection knows about the machine: where the registers are, how a system call is made, and how a task
// looks that was stopped in one. x86-64 and arm64.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ferry::kernel {

struct Registers {
  user_regs_struct general{};
  int32_t system_call = -1;  // arm64 keeps the number of the call that the stop interrupted apart
};

struct SystemCall {
  long number = 0;
  std::array<unsigned long, 6> arguments{};
};

// Of a stopped task that we trace. Nothing: it is not of this machine's own kind (a 32-bit program), or has gone.
std::optional<Registers> try_get_registers(pid_t tid);
[[nodiscard]] bool try_set_registers(pid_t tid, const Registers& registers);

// As they must be for the task to make `call` by the instruction at `instruction` as its very next step, and
// not to restart what the stop interrupted.
Registers registers_for(const Registers& now, uint64_t instruction, const SystemCall& call);
long result_in(const Registers& registers);

// The instruction that makes a system call, as bytes in memory, and how it is aligned.
extern const std::string_view kCallInstruction;
extern const size_t kCallAlignment;

uint64_t program_counter(const Registers& registers);
void set_program_counter(Registers& registers, uint64_t address);
// Stopped in a system call (else: at any instruction of its own).
bool in_system_call(const Registers& registers);

// Some calls end with EINTR whenever a task is stopped (signal(7): epoll_wait, semop, sigtimedwait …). Where such a
// call would have waited for ever, makes it wait again: then nobody sees that it was interrupted. With a time limit it
// must end so, since it would wait too long. Only right when no signal is due.
void wait_again_if_interrupted(Registers& registers);

}  // namespace ferry::kernel
