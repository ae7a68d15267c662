// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only (ld.so --preload), never into its children or the workload.
//
// Reading the limits of a task of another uid needs CAP_SYS_RESOURCE, which containers and some virtual machines
// withhold even from root; /proc/PID/limits says the same to anyone. CRIU 4 calls the system call through
// libc's syscall(2) function (criu/cr-dump.c, dump_task_rlimits), so that function is wrapped: EPERM from
// prlimit64 is answered from /proc. Through that function it makes its userfaultfds, too (held_uffd_preload.cc). Everything else
// passes through.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/held_uffd_place.h"
#include "criu/raw_syscall.h"
#include "criu/reserve_place.h"

namespace {

// In the order of the RLIMIT_ numbers (include/uapi/asm-generic/resource.h); the kernel's words in fs/proc/base.c.
constexpr const char* kLimitNames[] = {
    "Max cpu time",      "Max file size",    "Max data size",       "Max stack size",
    "Max core file size", "Max resident set", "Max processes",       "Max open files",
    "Max locked memory", "Max address space", "Max file locks",      "Max pending signals",
    "Max msgqueue size", "Max nice priority", "Max realtime priority", "Max realtime timeout"};
constexpr long kLimits = sizeof kLimitNames / sizeof kLimitNames[0];

rlim_t parse_limit(const char* word) {
  return strcmp(word, "unlimited") == 0 ? RLIM_INFINITY : strtoull(word, nullptr, 10);
}

bool limit_from_proc(long pid, long resource, rlimit* limit) {
  if (resource < 0 || resource >= kLimits) return false;
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/limits", pid);
  FILE* file = fopen(path, "re");
  if (file == nullptr) return false;
  const char* name = kLimitNames[resource];
  bool found = false;
  for (char line[256]; !found && fgets(line, sizeof line, file) != nullptr;) {
    char soft[32], hard[32];
    if (strncmp(line, name, strlen(name)) != 0) continue;
    if (sscanf(line + strlen(name), "%31s %31s", soft, hard) != 2) continue;
    limit->rlim_cur = parse_limit(soft);
    limit->rlim_max = parse_limit(hard);
    found = true;
  }
  fclose(file);
  return found;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) long syscall(long number, ...) {
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);

  if (number == SYS_clone3) ferry::criu::prepare_reserve_for_clone();
  long result = ferry::criu::raw_syscall(number, arguments);
  if (number == SYS_clone3) ferry::criu::drop_reserve_after_clone(result);
  if (number == SYS_userfaultfd) result = ferry::criu::hold_userfaultfd(result, arguments[0]);
  if (!ferry::criu::is_error(result)) return result;
  const bool reads_limit = number == SYS_prlimit64 && arguments[2] == 0 && arguments[3] != 0;
  if (reads_limit && result == -EPERM &&
      limit_from_proc(arguments[0], arguments[1], reinterpret_cast<rlimit*>(arguments[3]))) {
    return 0;
  }
  return ferry::criu::with_errno(result);
}
