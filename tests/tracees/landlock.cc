// SPDX-License-Identifier: Apache-2.0
//
// Landlock: the task has forbidden itself to make files.
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_REG;
  const long ruleset = ::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
  if (ruleset == -1) skip("this kernel has no Landlock");
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  must(::syscall(SYS_landlock_restrict_self, ruleset, 0));
  ::close(static_cast<int>(ruleset));
  require(::open(path("before").c_str(), O_CREAT | O_WRONLY, 0600) == -1 && errno == EACCES, "it holds");
  ready_and_wait();
  if (::open(path("after").c_str(), O_CREAT | O_WRONLY, 0600) != -1) fail("the restriction is gone");
  return pass();
}
