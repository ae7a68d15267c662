// SPDX-License-Identifier: Apache-2.0
//
// Supplementary groups, also beside another user's id.
#include <grp.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const gid_t groups[] = {5, 3001, 3002, 70000};
  must(::setgroups(4, groups));
  must(::setresgid(2001, 2001, 2001));
  must(::setresuid(1001, 1001, 1001));
  ready_and_wait();
  gid_t now[8] = {};
  require_equal(::getgroups(8, now), 4, "how many");
  for (int i = 0; i < 4; ++i) require_equal(now[i], groups[i], "a group");
  return pass();
}
