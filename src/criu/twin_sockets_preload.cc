// SPDX-License-Identifier: Apache-2.0
//
// TCP connections that a dead CRIU has left in repair mode (TCP_REPAIR, tcp(7)): a task that reads from one gets EPERM, and most programs
// close it then, silently. So that has to be over before the tasks go on; ferry itself (migration/frozen.cc) hears of CRIU's end
// no sooner than they would.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "criu/raw_syscall.h"
#include "criu/twin.h"

#if defined(__x86_64__)

namespace ferry::criu::twin {
namespace {

constexpr int kMostDigits = 12;

struct Entry {  // struct linux_dirent64, getdents(2)
  uint64_t inode;
  int64_t next;
  unsigned short size;
  unsigned char type;
  char name[1];
};

// "/proc/TID/fd"
struct Path {
  char text[sizeof "/proc//fd" + kMostDigits] = "/proc/";

  explicit Path(pid_t tid) {
    char digits[kMostDigits];
    int count = 0;
    for (; tid > 0; tid /= 10) digits[count++] = static_cast<char>('0' + tid % 10);
    char* at = text + sizeof "/proc/" - 1;
    while (count > 0) *at++ = digits[--count];
    for (const char c : {'/', 'f', 'd', '\0'}) *at++ = c;
  }
};

// -1 for "." and "..".
int number_in(const char* name) {
  int number = 0;
  for (; *name != '\0'; ++name) {
    if (*name < '0' || *name > '9') return -1;
    number = number * 10 + (*name - '0');
  }
  return number;
}

void end_repair_of(int socket) {
  const int off = 0, on = 1;
  int repair = 0;
  socklen_t size = sizeof repair;
  if (is_error(raw(SYS_getsockopt, socket, IPPROTO_TCP, TCP_REPAIR, &repair, &size)) || repair != 1) return;
  raw(SYS_setsockopt, socket, IPPROTO_TCP, TCP_REPAIR, &off, sizeof off);
  raw(SYS_setsockopt, socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // see kernel/tcp_repair.h
}

void end_repair_in(Ledger& ledger, int process, int directory) {
  long got;
  while ((got = raw(SYS_getdents64, directory, ledger.scratch, sizeof ledger.scratch)) > 0) {
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const Entry*>(ledger.scratch + at);
      at += entry->size;
      const int fd = number_in(entry->name);
      const long copy = fd < 0 ? -1 : raw(SYS_pidfd_getfd, process, fd, 0);
      if (is_error(copy)) continue;
      end_repair_of(static_cast<int>(copy));
      raw(SYS_close, copy);
    }
  }
}

}  // namespace

void end_tcp_repair(Ledger& ledger) {
  for (size_t i = 0; i < ledger.count; ++i) {
    const pid_t tid = ledger.tracees[i].tid;
    const long process = tid == 0 ? -1 : raw(SYS_pidfd_open, tid, 0);  // refuses those that are no process's first thread
    if (is_error(process)) continue;
    const long directory = raw(SYS_openat, AT_FDCWD, Path(tid).text, O_RDONLY | O_DIRECTORY);
    if (!is_error(directory)) end_repair_in(ledger, static_cast<int>(process), static_cast<int>(directory));
    if (!is_error(directory)) raw(SYS_close, directory);
    raw(SYS_close, process);
  }
}

}  // namespace ferry::criu::twin

#endif
