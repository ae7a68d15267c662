// SPDX-License-Identifier: Apache-2.0
//
// alarm(2): the seconds that are left.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  ::alarm(1000);
  const int64_t armed = now_ns();
  ready_and_wait();
  const int64_t gone_s = (now_ns() - armed) / kSecond_ns;
  const int64_t pause_s = (longest_gap_ns + kSlack_ns) / kSecond_ns;
  require_between(::alarm(0), 1000 - gone_s - 1, 1000 - gone_s + pause_s + 1, "seconds left");
  return pass();
}
