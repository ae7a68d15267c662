// SPDX-License-Identifier: Apache-2.0
//
// An eventfd that is a semaphore gives one at a time.
#include <sys/eventfd.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int semaphore = static_cast<int>(must(::eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE)));
  ready_and_wait();
  uint64_t value = 0;
  for (int i = 0; i < 2; ++i) {
    require_equal(::read(semaphore, &value, sizeof value), sizeof value, "read");
    require_equal(static_cast<int64_t>(value), 1, "one of the semaphore");
  }
  require(::read(semaphore, &value, sizeof value) == -1 && errno == EAGAIN, "now it is empty");
  return pass();
}
