// SPDX-License-Identifier: Apache-2.0
#include "kernel/named_network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/error.h"

namespace ferry::kernel {

using base::SysError;

base::Fd make_network() {
  base::Fd made;
  int error = 0;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) == 0) {
      made = base::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }
    error = errno;
  }).join();
  if (!made) throw SysError("unshare", error, "a network namespace");
  return made;
}

void name_network(int netns, const base::Path& path) {
  std::filesystem::create_directories(path.parent_path());
  if (!base::Fd(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0)))
    throw SysError("open", errno, path.string());
  if (::mount(fmt::format("/proc/self/fd/{}", netns).c_str(), path.c_str(), "none", MS_BIND,
              nullptr) < 0) {
    const int error = errno;
    ::unlink(path.c_str());
    throw SysError("mount", error, path.string());
  }
}

void forget_network(const base::Path& path) {
  if (is_network(path) && ::umount2(path.c_str(), MNT_DETACH) < 0)
    throw SysError("umount", errno, path.string());
  struct stat left {};
  if (::lstat(path.c_str(), &left) == 0 && !(S_ISREG(left.st_mode) && left.st_size == 0))
    return;  // somebody else's
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) throw SysError("unlink", errno, path.string());
}

bool is_network(const base::Path& path) {
  struct statfs where {};
  if (::statfs(path.c_str(), &where) < 0 || where.f_type != NSFS_MAGIC) return false;
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file && ::ioctl(file.get(), NS_GET_NSTYPE) == CLONE_NEWNET;
}

}  // namespace ferry::kernel
