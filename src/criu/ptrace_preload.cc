// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is. CRIU's ptrace(2): a dump's is its twin's, a restore's is looked
// at by those who keep count of what it lets go.
#include <errno.h>
#include <stdarg.h>
#include <sys/ptrace.h>

#include "criu/raw_syscall.h"
#include "criu/release_place.h"
#include "criu/twin.h"

extern "C" __attribute__((visibility("default"))) long ptrace(__ptrace_request request, ...) noexcept {
  using namespace ferry::criu;
  va_list list;
  va_start(list, request);
  const pid_t tid = va_arg(list, pid_t);
  const long address = va_arg(list, long);
  long data = va_arg(list, long);
  va_end(list);
  // What the library makes of these three: the value is the result.
  long value = 0;
  const bool is_peek = request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;
  if (is_peek) data = reinterpret_cast<long>(&value);
  const long result = with_errno(twin::traces(request, tid) ? twin::ask_to_trace(request, tid, address, data)
                                                            : trace_restored(request, tid, address, data));
  if (!is_peek || result < 0) return result;
  errno = 0;
  return value;
}
