// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is; does something only in a restore for which ferry has set
// kReleaseVariable.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "criu/raw_syscall.h"
#include "criu/release_place.h"

namespace ferry::criu {
namespace {

using Mark = std::atomic<Release>;

constexpr size_t kPage = 4096;
constexpr size_t kMostProcesses = 32'768;  // of one restore; more of them are as they are without this

constexpr const char* kWhole = "pre-resume";  // the gate's name

struct Process {
  pid_t pid;
  int options;  // CRIU's own, of its first thread
};

Mark* mark = nullptr;
long criu;  // its children have all of this, too
Process* all = nullptr;
size_t count = 0;

void* map(size_t bytes, int sharing, int fd) {
  const long at = raw(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE, sharing, fd, 0);
  return is_error(at) ? nullptr : reinterpret_cast<void*>(at);
}

__attribute__((constructor)) void open_mark() {
  const char* path = getenv(kReleaseVariable);
  if (path == nullptr) return;
  const long fd = raw(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (is_error(fd)) return;
  all = static_cast<Process*>(map(kMostProcesses * sizeof(Process), MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1));
  void* at = map(kPage, MAP_SHARED | MAP_POPULATE, static_cast<int>(fd));
  raw(SYS_close, fd);
  if (all == nullptr || at == nullptr) return;
  criu = raw(SYS_getpid);
  mark = static_cast<Mark*>(at);
}

bool is_granted() { return mark != nullptr && *mark == Release::kGranted && raw(SYS_getpid) == criu; }

// One thread takes its whole process along, so one system call decides for that.
bool is_first_thread(pid_t tid) { return !is_error(raw(SYS_tgkill, tid, tid, 0)); }

// CRIU sets options twice where a task has a seccomp filter.
bool note(pid_t pid, long options) {
  const bool is_again = count > 0 && all[count - 1].pid == pid;
  if (!is_again && count == kMostProcesses) return false;
  all[is_again ? count - 1 : count++] = {pid, static_cast<int>(options)};
  return true;
}

void let_live_without_criu() {
  *mark = Release::kAmidst;
  for (size_t i = 0; i < count; ++i) raw(SYS_ptrace, PTRACE_SETOPTIONS, all[i].pid, 0, all[i].options);
  *mark = Release::kDone;
}

}  // namespace

long trace_restored(long request, pid_t tid, long address, long data) {
  if (request == PTRACE_SETOPTIONS && is_granted() && is_first_thread(tid) && note(tid, data)) data |= PTRACE_O_EXITKILL;
  if (request == PTRACE_DETACH && is_granted() && count > 0) let_live_without_criu();
  return raw(SYS_ptrace, request, tid, address, data);
}

}  // namespace ferry::criu

// In the log and to ferry CRIU says that all of them are in their own context now.
extern "C" __attribute__((visibility("default"))) ssize_t write(int fd, const void* bytes, size_t size) {
  using namespace ferry::criu;
  if (is_granted() && memmem(bytes, size, kWhole, strlen(kWhole)) != nullptr) let_live_without_criu();
  const long result = raw(SYS_write, fd, bytes, size);
  if (!is_error(result)) return result;
  errno = static_cast<int>(-result);
  return -1;
}
