// SPDX-License-Identifier: Apache-2.0
//
// An eventfd with a count.
#include <sys/eventfd.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int counter = static_cast<int>(must(::eventfd(4711, EFD_NONBLOCK)));
  ready_and_wait();
  uint64_t value = 0;
  require_equal(::read(counter, &value, sizeof value), sizeof value, "read");
  require_equal(static_cast<int64_t>(value), 4711, "the count");
  require(::read(counter, &value, sizeof value) == -1 && errno == EAGAIN, "now it is empty");
  return pass();
}
