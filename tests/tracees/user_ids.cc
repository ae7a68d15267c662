// SPDX-License-Identifier: Apache-2.0
//
// User and group ids: real, effective and saved ones differ, and none is root's.
#include <sys/fsuid.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::setresgid(2001, 2002, 2003));
  must(::setresuid(1001, 1002, 1003));
  ready_and_wait();
  uid_t real = 0, effective = 0, saved = 0;
  must(::getresuid(&real, &effective, &saved));
  require(real == 1001 && effective == 1002 && saved == 1003, "the user ids");
  require_equal(::setfsuid(static_cast<uid_t>(-1)), 1002, "the user id for files");
  must(::getresgid(&real, &effective, &saved));
  require(real == 2001 && effective == 2002 && saved == 2003, "the group ids");
  require(::setuid(0) == -1 && errno == EPERM, "there is no way back to root");
  const int fd = make_file("new", "");
  struct stat status {};
  must(::fstat(fd, &status));
  require(status.st_uid == 1002 && status.st_gid == 2002, "the owner of a new file");
  return pass();
}
