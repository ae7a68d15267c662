// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is; does something only in a restore for
// which ferry has set kSharedVariable.
//
// A task that CRIU restores makes a memory that tasks share, maps it and opens the list of its
// pages, one right after the other (criu/shmem.c: open_shmem, restore_memfd_shmem_content). The
// list is named after the inode that the memory had where it was dumped.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/preload_socket.h"
#include "criu/raw_syscall.h"
#include "criu/shared_memory_place.h"

namespace ferry::criu {
namespace {

constexpr const char* kListPrefix = "pagemap-shmem-";
constexpr size_t kMostPerCall = 1 << 30;

// What CRIU has last mapped of a file to write into it.
struct {
  void* at;
  size_t bytes;
  int fd;
} last = {nullptr, 0, -1};

long inode_in(const char* path) {
  const size_t prefix = strlen(kListPrefix);
  if (strncmp(path, kListPrefix, prefix) != 0) return 0;
  return static_cast<long>(strtoul(path + prefix, nullptr, 10));
}

struct Given {
  SharedAnswer answer = SharedAnswer::kNone;
  int fd = -1;
};

long ask(long socket, uint64_t inode, Given& given) {
  const SharedQuestion question{inode};
  const long asked = raw(SYS_sendto, socket, &question, sizeof question, MSG_NOSIGNAL, nullptr, 0);
  if (is_error(asked)) return asked;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{&given.answer, sizeof given.answer};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const long got = raw(SYS_recvmsg, socket, &message, MSG_CMSG_CLOEXEC);
  if (is_error(got)) return got;
  if (got != sizeof given.answer) return -EPROTO;
  const cmsghdr* first = CMSG_FIRSTHDR(&message);
  if (first != nullptr && first->cmsg_type == SCM_RIGHTS) memcpy(&given.fd, CMSG_DATA(first), sizeof given.fd);
  return given.answer != SharedAnswer::kNone && given.fd < 0 ? -EPROTO : 0;
}

// With the length and the seals that CRIU has given to its own.
long take(int fd, off_t bytes) {
  long done = raw(SYS_ftruncate, fd, bytes);
  const long seals = raw(SYS_fcntl, last.fd, F_GET_SEALS);
  if (!is_error(done) && !is_error(seals) && seals != 0) done = raw(SYS_fcntl, fd, F_ADD_SEALS, seals);
  const long flags = raw(SYS_fcntl, last.fd, F_GETFD);
  const int kept = !is_error(flags) && (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0;
  if (!is_error(done)) done = raw(SYS_dup3, fd, last.fd, kept);
  if (!is_error(done)) done = raw(SYS_mmap, last.at, last.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, last.fd, 0);
  return is_error(done) ? done : 0;
}

long copy(int fd, off_t bytes) {
  for (off_t at = 0; at < bytes;) {
    at = raw(SYS_lseek, fd, at, SEEK_DATA);
    if (at == -ENXIO) return 0;
    if (is_error(at)) return at;
    off_t end = raw(SYS_lseek, fd, at, SEEK_HOLE);
    if (is_error(end)) return end;
    if (end > bytes) end = bytes;
    while (at < end) {
      const size_t left = static_cast<size_t>(end - at);
      const long got = raw(SYS_pread64, fd, static_cast<char*>(last.at) + at, left < kMostPerCall ? left : kMostPerCall, at);
      if (is_error(got)) return got;
      if (got == 0) return -EIO;
      at += got;
    }
  }
  return 0;
}

// Closes `socket`.
long give(long socket, uint64_t inode) {
  Given given;
  long result = ask(socket, inode, given);
  raw(SYS_close, socket);
  if (is_error(result) || given.answer == SharedAnswer::kNone) return result;
  struct stat about {};
  const bool is_as_known = last.fd >= 0 && fstat(last.fd, &about) == 0 && static_cast<size_t>(about.st_size) == last.bytes;
  if (!is_as_known) {
    result = -EBADF;
  } else {
    result = given.answer == SharedAnswer::kTake ? take(given.fd, about.st_size) : copy(given.fd, about.st_size);
  }
  raw(SYS_close, given.fd);
  return result;
}

}  // namespace

void note_mapped_file(void* at, size_t bytes, int protection, int flags, int fd, int64_t offset) {
  const bool is_written = (flags & MAP_TYPE) == MAP_SHARED && protection == (PROT_READ | PROT_WRITE);
  if (fd >= 0 && offset == 0 && is_written) last = {at, bytes, fd};
}

long give_shared_memory(int directory, const char* path) {
  const long inode = inode_in(path);
  if (inode == 0 || getenv(kSharedVariable) == nullptr) return 0;
  const long socket = connect_in(directory, kSharedSocket, SOCK_SEQPACKET);
  if (socket == -ENOENT) return 0;  // nothing has come
  return is_error(socket) ? socket : give(socket, static_cast<uint64_t>(inode));
}

}  // namespace ferry::criu
