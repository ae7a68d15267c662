// SPDX-License-Identifier: Apache-2.0
//
// prctl(2): no new privileges, not dumpable, no transparent huge pages.
#include <sys/prctl.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  must(::prctl(PR_SET_DUMPABLE, 0));
  must(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  ready_and_wait();
  require_equal(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1, "no_new_privs");
  require_equal(::prctl(PR_GET_DUMPABLE), 0, "dumpable");
  require_equal(::prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1, "no transparent huge pages");
  return pass();
}
