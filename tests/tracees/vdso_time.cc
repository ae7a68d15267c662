// SPDX-License-Identifier: Apache-2.0
//
// Reading the time without a system call still works and agrees with the kernel's answer.
#include <sys/syscall.h>
#include <sys/time.h>

#include "tracee.h"

namespace {
void check() {
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE}) {
    timespec kernel{};
    must(::syscall(SYS_clock_gettime, clock, &kernel));
    require_between(now_ns(clock), to_ns(kernel), to_ns(kernel) + kSlack_ns, "clock " + std::to_string(clock));
  }
  timeval time{};
  must(::gettimeofday(&time, nullptr));
  require_between(time.tv_sec, ::time(nullptr) - 1, ::time(nullptr), "gettimeofday");
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  check();
  ready_and_wait();
  check();
  const int64_t start = now_ns();
  int64_t before = start;
  for (int i = 0; i < 100'000; ++i) {
    const int64_t now = now_ns();
    require(now >= before, "time does not go back");
    before = now;
  }
  require(before > start, "time goes on");
  return pass();
}
