// SPDX-License-Identifier: Apache-2.0
//
// CLOCK_MONOTONIC and CLOCK_BOOTTIME go on; the pause is in them, as it is in real time.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int64_t real = now_ns(CLOCK_REALTIME), monotonic = now_ns(), boot = now_ns(CLOCK_BOOTTIME);
  const int64_t used = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  ready_and_wait();
  const int64_t real_gone = now_ns(CLOCK_REALTIME) - real, gone = now_ns() - monotonic;
  require(gone > 0, "CLOCK_MONOTONIC does not go back");
  require_between(gone, real_gone - kSlack_ns, real_gone + kSlack_ns, "what went by, against real time");
  require_between(now_ns(CLOCK_BOOTTIME) - boot, gone - kSlack_ns, gone + kSlack_ns, "what went by on CLOCK_BOOTTIME");
  require_between(longest_gap_ns, 0, 10 * kSecond_ns, "the pause");
  require(now_ns(CLOCK_PROCESS_CPUTIME_ID) >= 0 && used >= 0, "the process's own clock can be read");
  return pass();
}
