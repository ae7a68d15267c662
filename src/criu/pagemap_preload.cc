// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is; does something only in a dump for
// which ferry has set hidden::kFileVariable. Then CRIU finds no pages in the memory that ferry
// takes along itself, none in shared memory of which the same holds, and reads the smaps that ferry
// has prepared in the place of the kernel's, which walks all page tables for numbers that CRIU does
// not want.
//
// When the file is not there or not whole, does not know the task, or CRIU asks in a way that is
// not known here, the call fails and with it the dump: memory that is neither in the store nor
// restored from the images would read as zeros, unnoticed.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/pagemap_filter.h"
#include "criu/premapped_place.h"
#include "criu/raw_syscall.h"
#include "criu/shared_memory_place.h"

namespace {

using ferry::criu::is_error;
using ferry::criu::raw;
using ferry::criu::with_errno;
namespace hidden = ferry::criu::hidden;

constexpr int kNotReadable =
    ENODATA;  // said for any of the above: CRIU prints it with its own words of what it was at
constexpr uint64_t kPage = 4096;

// No objects that want a constructor or a guard: this is loaded without the C++ library.
int wanted = -1;  // not known yet
hidden::View mapped;

bool is_wanted() {
  if (wanted < 0) wanted = getenv(hidden::kFileVariable) != nullptr ? 1 : 0;
  return wanted == 1;
}

hidden::View map_file() {
  const long fd = raw(SYS_openat, AT_FDCWD, getenv(hidden::kFileVariable), O_RDONLY | O_CLOEXEC);
  if (is_error(fd)) return {};
  struct stat about {};
  void* start = MAP_FAILED;
  if (fstat(static_cast<int>(fd), &about) == 0 && about.st_size > 0) {
    start = mmap(nullptr, about.st_size, PROT_READ, MAP_PRIVATE, static_cast<int>(fd), 0);
  }
  raw(SYS_close, fd);
  return start == MAP_FAILED ? hidden::View() : hidden::View::over(start, about.st_size);
}

const hidden::View& view() {
  if (!mapped) mapped = map_file();
  return mapped;
}

// Of a descriptor of /proc/PID/NAME, or of /proc/PID itself with an empty name. 0: it is of
// something else.
uint64_t pid_behind(int fd, const char* name) {
  char link[64], target[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, target, sizeof target - 1);
  if (size <= 0) return 0;
  target[size] = '\0';
  char* end = target + size;
  if (*name != '\0') {
    end = strrchr(target, '/');
    if (end == nullptr || strcmp(end + 1, name) != 0) return 0;
    *end = '\0';
  }
  const char* digits = strrchr(target, '/');
  if (digits == nullptr) return 0;
  char* after = nullptr;
  const uint64_t pid = strtoull(digits + 1, &after, 10);
  return after == end && after != digits + 1 ? pid : 0;
}

// CRIU tries at its start what the kernel has, on itself; the file is not there then.
bool is_self(uint64_t pid) { return pid == static_cast<uint64_t>(raw(SYS_getpid)); }

ferry::criu::RangeList list(const hidden::Place& place) {
  return {view().ranges(place), place.count};
}

long scan_kernel(int fd, ferry::criu::PagemapScan& scan) {
  return raw(SYS_ioctl, fd, ferry::criu::kPagemapScan, &scan);
}

long scan(int fd, ferry::criu::PagemapScan& scan) {
  const uint64_t pid = is_wanted() ? pid_behind(fd, "pagemap") : 0;
  if (pid == 0 || is_self(pid)) return scan_kernel(fd, scan);
  const hidden::Task* task = view() ? view().find(pid) : nullptr;
  if (task == nullptr) return -kNotReadable;
  const bool guards = ferry::criu::asks_for_guards(scan);
  if (!guards && !ferry::criu::asks_for_memory(scan)) return -kNotReadable;
  return ferry::criu::scan_but_hidden(
      scan, list(task->ranges), guards ? list(task->guards) : ferry::criu::RangeList{},
      [fd](ferry::criu::PagemapScan& part) { return scan_kernel(fd, part); });
}

// A descriptor to read the prepared text from; 0 when there is none for that task.
long open_prepared_smaps(int directory) {
  const uint64_t pid = pid_behind(directory, "");
  if (pid == 0 || is_self(pid)) return 0;
  const hidden::Task* task = view() ? view().find(pid) : nullptr;
  if (task == nullptr) return -kNotReadable;
  if (task->smaps.count == 0) return 0;
  const long fd = raw(SYS_memfd_create, "smaps", MFD_CLOEXEC);
  if (is_error(fd)) return fd;
  const char* text = view().text(task->smaps);
  for (uint64_t done = 0; done < task->smaps.count;) {
    const long wrote = raw(SYS_pwrite64, fd, text + done, task->smaps.count - done, done);
    if (is_error(wrote)) {
      raw(SYS_close, fd);
      return wrote;
    }
    done += static_cast<uint64_t>(wrote);
  }
  return fd;
}

bool is_hidden_file(int fd) {
  struct stat about {};
  return is_wanted() && view() && fstat(fd, &about) == 0 && view().has_file(about.st_dev, about.st_ino);
}

long open_at(int directory, const char* path, int flags, mode_t mode) {
  const long refused = ferry::criu::give_shared_memory(directory, path);
  if (is_error(refused)) return refused;
  ferry::criu::begin_premapping(directory, path);
  if (is_wanted() && strcmp(path, "smaps") == 0) {
    const long fd = open_prepared_smaps(directory);
    if (fd != 0) return fd;
  }
  return raw(SYS_openat, directory, path, flags, mode);
}

long read_at(int fd, void* buffer, size_t size, off_t offset) {
  const long got = raw(SYS_pread64, fd, buffer, size, offset);
  if (!is_wanted() || is_error(got) || got == 0) return got;
  const uint64_t pid = pid_behind(fd, "pagemap");
  if (pid == 0 || is_self(pid)) return got;
  const hidden::Task* task = view() ? view().find(pid) : nullptr;
  if (task == nullptr) return -kNotReadable;
  ferry::criu::clear_hidden(
      static_cast<uint64_t*>(buffer), static_cast<size_t>(got) / sizeof(uint64_t),
      static_cast<uint64_t>(offset) / sizeof(uint64_t) * kPage, kPage, list(task->ranges));
  return got;
}

}  // namespace

#define FERRY_INSTEAD extern "C" __attribute__((visibility("default")))

FERRY_INSTEAD int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list list;
  va_start(list, request);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (request != ferry::criu::kPagemapScan)
    return static_cast<int>(with_errno(raw(SYS_ioctl, fd, request, argument)));
  return static_cast<int>(with_errno(scan(fd, *static_cast<ferry::criu::PagemapScan*>(argument))));
}

namespace {

int open_at_with(int directory, const char* path, int flags, va_list list) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  const mode_t mode = creates ? va_arg(list, mode_t) : 0;
  return static_cast<int>(with_errno(open_at(directory, path, flags, mode)));
}

}  // namespace

FERRY_INSTEAD int openat(int directory, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int fd = open_at_with(directory, path, flags, list);
  va_end(list);
  return fd;
}

FERRY_INSTEAD int openat64(int directory, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int fd = open_at_with(directory, path, flags, list);
  va_end(list);
  return fd;
}

// What a CRIU that was built with _FORTIFY_SOURCE calls.
FERRY_INSTEAD int __openat64_2(int directory, const char* path, int flags) {
  return static_cast<int>(with_errno(open_at(directory, path, flags, 0)));
}

// By this CRIU finds what is in memory that tasks share (criu/shmem.c: next_data_segment): nothing but a hole.
FERRY_INSTEAD off64_t lseek64(int fd, off64_t offset, int whence) noexcept {
  return with_errno(whence == SEEK_DATA && is_hidden_file(fd) ? -ENXIO : raw(SYS_lseek, fd, offset, whence));
}

FERRY_INSTEAD ssize_t pread64(int fd, void* buffer, size_t size, off64_t offset) {
  return with_errno(read_at(fd, buffer, size, offset));
}
