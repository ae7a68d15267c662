// SPDX-License-Identifier: Apache-2.0
//
// Calling. The steps from one system call boundary to the next are PTRACE_SYSCALL's, not single steps: those end in a
// SIGTRAP that is forced on the task, and where it ignores or blocks SIGTRAP the kernel would reset its handler.
//
// A call that the stop interrupted is restarted by the kernel in get_signal(), where a ptrace stop found it. So the
// registers are put back in a stop of that same kind, never at the end of our own call, where -ERESTARTSYS would
// reach the program.
#include <fmt/format.h>
#include <linux/rseq.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "kernel/procfs.h"
#include "kernel/stopped_task.h"
#include "kernel/uapi.h"

namespace ferry::kernel {
namespace {

constexpr size_t kMaskBytes = 8;  // the kernel's sigset_t
constexpr uint64_t kAllSignals = ~uint64_t{0};
constexpr int kCallBoundary = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

bool read_from(pid_t pid, uint64_t address, void* into, size_t bytes) {
  const iovec local{into, bytes}, remote{reinterpret_cast<void*>(address), bytes};
  return ::process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes);
}

uint64_t find_in(pid_t pid, uint64_t start, uint64_t end) {
  // libc is 2 MiB; a call is found in the first pages of it.
  std::string code(std::min<uint64_t>(end - start, 256 * 1024), '\0');
  if (!read_from(pid, start, code.data(), code.size())) return 0;
  for (auto at = code.find(kCallInstruction); at != code.npos; at = code.find(kCallInstruction, at + 1)) {
    if ((start + at) % kCallAlignment == 0) return start + at;
  }
  return 0;
}

// A thread that is stopped inside a restartable sequence has left it for good: the kernel sends it to the sequence's
// abort address when it goes on. Our calls would make the kernel forget that it was in one, so we send it there.
void leave_restartable_sequence(pid_t tid, Registers& registers) {
  struct {
    uint64_t address;
    uint32_t size, signature, flags, padding;
  } area{};
  constexpr auto kGetRseq = static_cast<__ptrace_request>(0x420f);  // PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13
  if (::ptrace(kGetRseq, tid, sizeof(area), &area) < 0 || area.address == 0) return;
  uint64_t current = 0;
  if (!read_from(tid, area.address + offsetof(struct rseq, rseq_cs), &current, sizeof(current)) || current == 0) return;
  rseq_cs sequence{};
  if (!read_from(tid, current, &sequence, sizeof(sequence))) return;
  if (program_counter(registers) - sequence.start_ip < sequence.post_commit_offset) {
    set_program_counter(registers, sequence.abort_ip);
  }
}

bool signal_due(pid_t pid, pid_t tid, uint64_t mask) {
  uint64_t due = 0;
  const std::string path = fmt::format("/proc/{}/task/{}/status", pid, tid);
  const std::string status = base::try_read_file(path).value_or("");
  for (const char* name : {"SigPnd", "ShdPnd"}) {
    due |= std::stoull(field_in(status, name).value_or("0"), nullptr, 16);
  }
  return (due & ~mask) != 0;
}

bool dispatches_calls_itself(pid_t tid) {
  struct {
    uint64_t mode, selector, offset, length;
  } config{};
  const auto request = static_cast<__ptrace_request>(kPtraceGetUserDispatch);
  return ::ptrace(request, tid, sizeof(config), &config) == 0 && config.mode != 0;
}

}  // namespace

uint64_t find_call_instruction(pid_t pid) {
  std::istringstream maps(base::try_read_file(fmt::format("/proc/{}/maps", pid)).value_or(""));
  uint64_t elsewhere = 0;
  for (std::string line; std::getline(maps, line);) {
    uint64_t start = 0, end = 0;
    char permissions[5] = "";
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &start, &end, permissions) != 3) continue;
    if (permissions[0] != 'r' || permissions[2] != 'x') continue;
    if (line.ends_with("[vdso]")) {
      if (const uint64_t found = find_in(pid, start, end)) return found;
    } else if (elsewhere == 0) {
      elsewhere = find_in(pid, start, end);
    }
  }
  return elsewhere;
}

bool StoppedTask::prepare_caller() {
  caller_ = threads_.contains(pid_) ? pid_ : threads_.begin()->first;
  const auto registers = try_get_registers(caller_);
  if (!registers) return fail(Injected::kForeign, "its programs are of another word size");
  if (dispatches_calls_itself(caller_)) return fail(Injected::kForeign, "it handles system calls itself (as Wine does)");
  if (!seccomp_suspended_ && status_field(caller_, "Seccomp").value_or("0") != "0") {
    return fail(Injected::kForbidden, "its seccomp filter cannot be suspended (that needs CAP_SYS_ADMIN)", EPERM);
  }
  std::string code(kCallInstruction.size(), '\0');
  if (instruction_ == 0 || !read_from(pid_, instruction_, code.data(), code.size()) || code != kCallInstruction) {
    instruction_ = find_call_instruction(pid_);  // it is another program since
  }
  if (instruction_ == 0) return fail(Injected::kForeign, "no system call instruction is in its memory");
  original_ = *registers;
  if (::ptrace(PTRACE_GETSIGMASK, caller_, kMaskBytes, &mask_) < 0) {
    return fail(Injected::kGone, fmt::format("process {} has ended", pid_));
  }
  if (!in_system_call(original_)) {
    leave_restartable_sequence(caller_, original_);
  } else if (!signal_due(pid_, caller_, mask_)) {
    wait_again_if_interrupted(original_);
  }
  return true;
}

// The next stop of the caller, whatever it is; nothing: it has died. Not bounded: once its registers are ours it must
// not be left alone, and a frozen cgroup can hold it for as long as it likes.
std::optional<int> StoppedTask::wait_for_caller() {
  int status = 0;
  while (::waitpid(caller_, &status, __WALL) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  if (WIFSTOPPED(status)) return status;
  return std::nullopt;
}

bool StoppedTask::run_to_call_boundary() {
  for (;;) {
    if (::ptrace(PTRACE_SYSCALL, caller_, 0, 0) < 0) return false;
    const auto status = wait_for_caller();
    if (!status) return false;
    if (WSTOPSIG(*status) == kCallBoundary) return true;
    // All signals but these are blocked. A SIGSTOP that arrives just now is sent again afterwards.
    if (*status >> 16 == 0 && WSTOPSIG(*status) == SIGSTOP) held_stop_ = SIGSTOP;
  }
}

std::optional<long> StoppedTask::call(const SystemCall& call) {
  if (dead_) return std::nullopt;
  uint64_t mask = kAllSignals;
  dead_ = true;  // unless all of it works
  if (!changed_ && ::ptrace(PTRACE_SETSIGMASK, caller_, kMaskBytes, &mask) < 0) return std::nullopt;
  changed_ = true;
  if (!try_set_registers(caller_, registers_for(original_, instruction_, call))) return std::nullopt;
  if (!run_to_call_boundary() || !run_to_call_boundary()) return std::nullopt;
  const auto registers = try_get_registers(caller_);
  if (!registers) return std::nullopt;
  dead_ = false;
  return result_in(*registers);
}

bool StoppedTask::back_to_signal_stop() {
  for (;;) {
    if (::ptrace(PTRACE_INTERRUPT, caller_, 0, 0) < 0 || ::ptrace(PTRACE_CONT, caller_, 0, 0) < 0) return false;
    const auto status = wait_for_caller();
    if (!status) return false;
    if (*status >> 16 == PTRACE_EVENT_STOP) return true;
    if (WSTOPSIG(*status) == SIGSTOP) held_stop_ = SIGSTOP;
  }
}

void StoppedTask::restore() {
  if (!changed_ || dead_) return;
  changed_ = false;
  if (!back_to_signal_stop()) return;
  try_set_registers(caller_, original_) && ::ptrace(PTRACE_SETSIGMASK, caller_, kMaskBytes, &mask_) == 0;
}

}  // namespace ferry::kernel
