// SPDX-License-Identifier: Apache-2.0
//
// Threads in select(2), pselect(2) and ppoll(2), to which the kernel says in place how much of their time is left when they are interrupted
// (the C library hides that): none of them waits longer for it.
#include <linux/time_types.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <thread>

#include "tracee.h"

using namespace tracee;

namespace {

constexpr int64_t kWait_ns = 3 * kSecond_ns;

struct Waiter {
  const char* name;
  long (*wait)(__kernel_timespec& left);  // interrupted: with what is left
  int64_t took_ns = 0;
  std::thread thread;
};

long by_select(__kernel_timespec& left) {
  timeval time{left.tv_sec, left.tv_nsec / 1000};
  const long result = ::syscall(SYS_select, 0, nullptr, nullptr, nullptr, &time);
  left = {time.tv_sec, time.tv_usec * 1000};
  return result;
}

long by_pselect(__kernel_timespec& left) { return ::syscall(SYS_pselect6, 0, nullptr, nullptr, nullptr, &left, nullptr); }

long by_ppoll(__kernel_timespec& left) { return ::syscall(SYS_ppoll, nullptr, 0, &left, nullptr, 0); }

void run(Waiter& waiter) {
  const int64_t start = now_ns();
  __kernel_timespec left{kWait_ns / kSecond_ns, kWait_ns % kSecond_ns};
  while (waiter.wait(left) == -1) require(errno == EINTR, waiter.name);
  waiter.took_ns = now_ns() - start;
}

}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  Waiter waiters[] = {{"select", by_select, 0, {}}, {"pselect", by_pselect, 0, {}}, {"ppoll", by_ppoll, 0, {}}};
  for (auto& waiter : waiters) waiter.thread = std::thread([&waiter] { run(waiter); });
  ready_and_wait();
  for (auto& waiter : waiters) {
    waiter.thread.join();
    require_between(waiter.took_ns, kWait_ns - kGrain_ns, kWait_ns + longest_gap_ns + kSlack_ns, waiter.name);
  }
  return pass();
}
