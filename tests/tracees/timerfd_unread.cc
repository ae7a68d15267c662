// SPDX-License-Identifier: Apache-2.0
//
// A repeating timerfd that has expired and was not read when the move came: it goes on expiring.
#include <poll.h>
#include <sys/timerfd.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int fd = static_cast<int>(must(::timerfd_create(CLOCK_MONOTONIC, 0)));
  const itimerspec value{{0, 20 * kMillisecond_ns}, {0, 20 * kMillisecond_ns}};
  must(::timerfd_settime(fd, 0, &value, nullptr));
  sleep_ns(100 * kMillisecond_ns);

  ready_and_wait();
  uint64_t expirations = 0;
  require_equal(::read(fd, &expirations, sizeof expirations), sizeof expirations, "read");
  require(expirations >= 1, "what was not read");
  pollfd entry{fd, POLLIN, 0};
  if (::poll(&entry, 1, 2000) != 1) fail("it does not expire any more");
  return pass();
}
