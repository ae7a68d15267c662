// SPDX-License-Identifier: Apache-2.0
//
// What /proc says of a task. A task can go at any moment: then these answer "nothing", they do not throw.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"

namespace ferry::kernel {

// pid and start time together name a process for the life of the machine; a pid alone is reused.
struct ProcessId {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  bool operator==(const ProcessId&) const = default;
};
std::optional<ProcessId> find_process(pid_t pid);
bool is_alive(const ProcessId& id);  // the same process, not a zombie
// It has gone, or has begun to: what it holds is let go of from then on (PF_EXITING, kernel/exit.c: do_exit).
bool is_ending(pid_t pid);
// Signals that very process through a pidfd; false when it has gone.
bool signal_process(const ProcessId& id, int number);
// Waits for its end; false: it lives on.
bool ends_within(const ProcessId& id, base::nanoseconds limit);

std::optional<char> task_state(pid_t pid);              // 'R', 'S', 'T', 'Z', …
std::vector<pid_t> children_of(pid_t pid);              // of all its threads
std::vector<pid_t> threads_of(pid_t pid);
std::string command_of(pid_t pid);                      // argv joined by spaces, or [comm]
std::string comm_of(pid_t pid);
std::vector<std::string> arguments_of(pid_t pid);        // argv
std::optional<pid_t> parent_of(pid_t pid);
// The pid as the innermost pid namespace of the task sees it (last number of NSpid).
std::optional<pid_t> inner_pid(pid_t pid);
std::optional<pid_t> session_of(pid_t pid);             // in our pid namespace
uint64_t resident_bytes(pid_t pid);                     // RssAnon + RssShmem: what a dump has to carry
std::optional<std::string> status_field(pid_t pid, const std::string& name);  // "TracerPid" → "0"
// The value of a line "NAME: VALUE", as of status and fdinfo.
std::optional<std::string> field_in(const std::string& text, const std::string& name);

struct OpenFile {
  int fd = 0;
  std::string target;    // as readlink says: path, "socket:[123]", "pipe:[4]", "anon_inode:…"
  uint64_t flags = 0;    // O_… of fdinfo
};
std::vector<OpenFile> open_files(pid_t pid);

// The system call that a task waits in (proc(5), /proc/PID/syscall). Nothing: it runs, or has gone.
struct CurrentCall {
  long number = -1;  // -1: it waits, but not in a call
  std::array<uint64_t, 6> arguments{};
  uint64_t stack_pointer = 0;
};
std::optional<CurrentCall> current_call(pid_t pid, pid_t tid);

}  // namespace ferry::kernel
