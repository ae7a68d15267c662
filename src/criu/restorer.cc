// SPDX-License-Identifier: Apache-2.0
#include "criu/restorer.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/procfs.h"

namespace ferry::criu {
namespace {

struct Call {
  long number = -1;
  uint64_t first_argument = 0, program_counter = 0;
};

// proc_pid_syscall(5): "NUMBER ARG1 … ARG6 SP PC"; "running" for a task that is in no call.
std::optional<Call> call_of(pid_t pid, pid_t tid) {
  std::istringstream words(base::try_read_file(fmt::format("/proc/{}/task/{}/syscall", pid, tid)).value_or(""));
  Call call;
  if (!(words >> call.number)) return std::nullopt;
  uint64_t word = 0;
  for (int i = 0; words >> std::hex >> word; ++i) {
    if (i == 0) call.first_argument = word;
    call.program_counter = word;  // the last one
  }
  return call;
}

struct Mapping {
  bool executable = false, shared = false;
  std::string name;
};

std::optional<Mapping> mapping_at(pid_t pid, uint64_t address) {
  std::istringstream lines(base::try_read_file(fmt::format("/proc/{}/maps", pid)).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    uint64_t from = 0, to = 0;
    char dash = 0;
    std::string rights, offset, device, inode;
    Mapping mapping;
    std::istringstream fields(line);
    fields >> std::hex >> from >> dash >> to >> rights >> offset >> device >> inode;
    if (rights.size() < 4 || address < from || address >= to) continue;
    std::getline(fields >> std::ws, mapping.name);
    mapping.executable = rights[2] == 'x';
    mapping.shared = rights[3] == 's';
    return mapping;
  }
  return std::nullopt;
}

bool is_held(pid_t pid, pid_t tid) {
  const auto call = call_of(pid, tid);
  if (!call || call->number != SYS_futex) return false;
  const auto code = mapping_at(pid, call->program_counter), word = mapping_at(pid, call->first_argument);
  return code && word && code->executable && code->name.empty() && word->shared && word->name.starts_with("/dev/zero");
}

Progress look(const std::vector<pid_t>& pids) {
  bool any = false;
  for (const pid_t pid : pids) {
    const auto state = kernel::task_state(pid);
    if (!state || *state == 'Z' || *state == 'X') continue;
    for (const pid_t tid : kernel::threads_of(pid)) {
      any = true;
      if (!is_held(pid, tid)) return Progress::kRan;
    }
  }
  return any ? Progress::kHeld : Progress::kNone;
}

}  // namespace

Progress progress_of(const std::vector<pid_t>& pids) {
  // A task on its way from one wait to the next is not held at that moment; one that runs is not at any.
  constexpr int kLooks = 6;
  constexpr auto kBetween = std::chrono::milliseconds(10);
  Progress seen = look(pids);
  int same = 1;
  for (int total = 1; same < kLooks && total < 10 * kLooks; ++total) {
    std::this_thread::sleep_for(kBetween);
    const Progress now = look(pids);
    same = now == seen ? same + 1 : 1;
    seen = now;
  }
  return seen;
}

}  // namespace ferry::criu
