// SPDX-License-Identifier: Apache-2.0
//
// The secure bits: root's capabilities do not come back.
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr int kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS;
  must(::prctl(PR_SET_SECUREBITS, kBits));
  ready_and_wait();
  require_equal(::prctl(PR_GET_SECUREBITS), kBits, "the bits");
  return pass();
}
