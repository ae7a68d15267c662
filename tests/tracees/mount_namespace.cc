// SPDX-License-Identifier: Apache-2.0
//
// A mount namespace of the workload's own, with a file system in it that nobody else sees.
#include <sched.h>
#include <sys/mount.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string mounted = directory + "-private";
  must(::mkdir(mounted.c_str(), 0700));
  must(::unshare(CLONE_NEWNS));
  must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  must(::mount("none", mounted.c_str(), "tmpfs", 0, nullptr));
  const int fd = static_cast<int>(must(::open((mounted + "/file").c_str(), O_RDWR | O_CREAT, 0600)));
  require_equal(::write(fd, "inside", 6), 6, "write");
  ::close(fd);
  ready_and_wait();
  if (::access((mounted + "/file").c_str(), F_OK) != 0) fail("the mounted file system is gone");
  require(read_whole(mounted + "/file") == "inside", "the file in it");
  must(::umount(mounted.c_str()));
  must(::rmdir(mounted.c_str()));
  return pass();
}
