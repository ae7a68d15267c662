// SPDX-License-Identifier: Apache-2.0
//
// A child in a mount namespace of its own.
#include <sched.h>
#include <sys/mount.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string mounted = directory + "-private";
  must(::mkdir(mounted.c_str(), 0700));
  const pid_t child = fork_prepared([&](auto prepared) {
    must(::unshare(CLONE_NEWNS));
    must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
    must(::mount("none", mounted.c_str(), "tmpfs", 0, nullptr));
    const int fd = static_cast<int>(must(::open((mounted + "/file").c_str(), O_RDWR | O_CREAT, 0600)));
    ::close(fd);
    prepared();
    wait_for_go();
    if (::access((mounted + "/file").c_str(), F_OK) != 0) fail("the mounted file system is gone");
  });
  ready_and_wait();
  expect_exit(child);
  must(::rmdir(mounted.c_str()));
  return pass();
}
