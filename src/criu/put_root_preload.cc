// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is.
//
// To go into the root that it has restored, CRIU needs a directory in it on which the old one lies
// for a moment: "tmp", or one that it makes (criu/mount.c: cr_pivot_root). A container whose root
// may not be written to, and has no /tmp, has none to give. Any other directory does as well: CRIU
// binds it on itself and mounts on that, and takes both off again. So where it cannot make one, it
// is given one that is there, and does not remove it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/raw_syscall.h"

namespace {

using ferry::criu::is_error;
using ferry::criu::raw;

constexpr const char* kPutRoot = "crtools-put-root.";
constexpr size_t kRandomLetters = 6;  // mkdtemp(3): "XXXXXX"
constexpr int kMostTries = 100;  // as many in a row are taken only where somebody makes them so

char lent[NAME_MAX + 1];  // in the current directory

bool lend_directory() {
  DIR* list = opendir(".");
  if (list == nullptr) return false;
  bool found = false;
  while (const dirent* entry = found ? nullptr : readdir(list)) {
    struct stat is;
    const bool is_other = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    found = is_other && fstatat(dirfd(list), entry->d_name, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(is.st_mode);
    if (found) strcpy(lent, entry->d_name);
  }
  closedir(list);
  return found;
}

bool fill_in(char* letters) {
  static constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  uint8_t random[kRandomLetters];
  if (getrandom(random, sizeof random, 0) != sizeof random) return false;
  for (size_t i = 0; i < kRandomLetters; ++i)
    letters[i] = kLetters[random[i] % (sizeof kLetters - 1)];
  return true;
}

// As mkdtemp(3) does. False: errno says why.
bool make_directory(char* pattern) {
  const size_t length = strlen(pattern);
  errno = EINVAL;
  if (length < kRandomLetters) return false;
  for (int i = 0; i < kMostTries; ++i) {
    if (!fill_in(pattern + length - kRandomLetters)) return false;
    const long made = raw(SYS_mkdirat, AT_FDCWD, pattern, 0700);
    if (!is_error(made)) return true;
    errno = static_cast<int>(-made);
    if (errno != EEXIST) return false;
  }
  return false;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) char* mkdtemp(char* pattern) noexcept {
  if (make_directory(pattern)) return pattern;
  const int why = errno;
  const bool is_put_root = strncmp(pattern, kPutRoot, strlen(kPutRoot)) == 0;
  if (is_put_root && lend_directory()) return lent;
  errno = why;
  return nullptr;
}

extern "C" __attribute__((visibility("default"))) int rmdir(const char* path) noexcept {
  if (path == lent) return 0;
  return static_cast<int>(ferry::criu::with_errno(raw(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)));
}
