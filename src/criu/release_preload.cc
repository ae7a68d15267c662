// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is; does something only in a restore for which ferry has set
// kReleaseVariable.
#include <fcntl.h>
#include <signal.h>
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
constexpr size_t kMostTasks = 65'536;         // threads of one restore
constexpr const char* kWhole = "pre-resume";  // the gate's name

struct Task {
  pid_t tid;
  int options;  // CRIU's own
};

Mark* mark = nullptr;
long criu;  // its children have all of this, too
Task* all = nullptr;
size_t count = 0;

void* map(size_t bytes, int sharing, int fd) {
  const long at = raw(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE, sharing, fd, 0);
  return is_error(at) ? nullptr : reinterpret_cast<void*>(at);
}

__attribute__((constructor)) void open_mark() {
  const char* path = getenv(kReleaseVariable);
  if (path == nullptr) return;
  const long fd = raw(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  unsetenv(kReleaseVariable);  // nor does it concern what CRIU runs
  if (is_error(fd)) return;
  all = static_cast<Task*>(map(kMostTasks * sizeof(Task), MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1));
  auto* found = static_cast<Mark*>(map(kPage, MAP_SHARED | MAP_POPULATE, static_cast<int>(fd)));
  raw(SYS_close, fd);
  if (all == nullptr || found == nullptr) return;
  criu = raw(SYS_getpid);
  auto unknown = Release::kUnknown;
  if (found->compare_exchange_strong(unknown, Release::kNotYet)) mark = found;
}

bool is_criu() { return raw(SYS_getpid) == criu; }
bool is_granted() { return mark != nullptr && *mark == Release::kGranted && is_criu(); }

// CRIU sets options twice where a task has a seccomp filter.
bool note(pid_t tid, long options) {
  const bool is_again = count > 0 && all[count - 1].tid == tid;
  if (!is_again && count == kMostTasks) return false;
  all[is_again ? count - 1 : count++] = {tid, static_cast<int>(options)};
  return true;
}

bool let_live(size_t from, size_t to) {
  bool all_do = true;
  for (size_t i = from; i < to; ++i) {
    all_do = !is_error(raw(SYS_ptrace, PTRACE_SETOPTIONS, all[i].tid, 0, all[i].options)) && all_do;
  }
  return all_do;
}

// When a tracer dies the kernel deals with its tasks one by one, the last that it took hold of first (kernel/ptrace.c: exit_ptrace). So a
// process dies whole as long as its last thread is to die, and here that one comes last. The first process is the last of all:
// while it is to die, the rest dies with its namespace.
void let_live_without_criu() {
  *mark = Release::kAmidst;
  size_t first = 0;
  while (first < count && !is_error(raw(SYS_tgkill, all[0].tid, all[first].tid, 0))) ++first;
  const bool others = let_live(first, count);
  if (let_live(0, first) && others) *mark = Release::kDone;
}

long trace_granted(long request, pid_t tid, long address, long data) {
  bool is_known = true;
  if (request == PTRACE_SETOPTIONS) {
    is_known = note(tid, data);
    data |= PTRACE_O_EXITKILL;
  }
  if (request == PTRACE_DETACH && count > 0) let_live_without_criu();
  const long result = raw(SYS_ptrace, request, tid, address, data);
  // CRIU goes on without some of them.
  const bool takes_hold = request == PTRACE_SEIZE || request == PTRACE_SETOPTIONS;
  if (!is_known || (takes_hold && is_error(result))) *mark = Release::kAmidst;
  return result;
}

}  // namespace

long trace_restored(long request, pid_t tid, long address, long data) {
  return is_granted() ? trace_granted(request, tid, address, data) : raw(SYS_ptrace, request, tid, address, data);
}

}  // namespace ferry::criu

// To ferry, and in a verbose log, CRIU says that all of them are in their own context now.
extern "C" __attribute__((visibility("default"))) ssize_t write(int fd, const void* bytes, size_t size) {
  using namespace ferry::criu;
  if (is_granted() && memmem(bytes, size, kWhole, strlen(kWhole)) != nullptr) let_live_without_criu();
  return with_errno(raw(SYS_write, fd, bytes, size));
}

// A CRIU that fails after all kills its tasks.
extern "C" __attribute__((visibility("default"))) int kill(pid_t pid, int number) noexcept {
  using namespace ferry::criu;
  if (number == SIGKILL && mark != nullptr && *mark == Release::kDone && is_criu()) *mark = Release::kAmidst;
  return static_cast<int>(with_errno(raw(SYS_kill, pid, number)));
}
