// SPDX-License-Identifier: Apache-2.0
//
// A task that waits in a system call while we inject: the call goes on as if nothing had happened.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "kernel/injection_victim.h"

namespace ferry::kernel {
namespace {

struct Waiting {
  const char* name;
  std::function<int(int stop)> work;  // waits for the end in one call of its kind; not 0: the call was disturbed
};

int wait_by_epoll(int stop) {
  const int set = ::epoll_create1(0);
  epoll_event event{EPOLLIN | EPOLLHUP, {}};
  ::epoll_ctl(set, EPOLL_CTL_ADD, stop, &event);
  return ::epoll_wait(set, &event, 1, -1) == 1 ? 0 : 1;
}
int wait_by_signal(int) {
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, nullptr);
  return ::sigwaitinfo(&usr1, nullptr) == SIGUSR1 ? 0 : 1;
}
int wait_by_sleep(int) {
  timespec before, after;
  ::clock_gettime(CLOCK_MONOTONIC, &before);
  const timespec half{0, 500'000'000};
  if (::nanosleep(&half, nullptr) != 0) return 1;
  ::clock_gettime(CLOCK_MONOTONIC, &after);
  const double slept = (after.tv_sec - before.tv_sec) + (after.tv_nsec - before.tv_nsec) * 1e-9;
  return slept >= 0.5 ? 0 : 1;
}
int wait_by_ppoll(int stop) {
  sigset_t mask, now;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  sigset_t inner;
  sigfillset(&inner);
  pollfd poll{stop, POLLIN, 0};
  if (::ppoll(&poll, 1, nullptr, &inner) != 1) return 1;
  sigprocmask(SIG_SETMASK, nullptr, &now);  // that of before the call, not that of the call
  return sigismember(&now, SIGUSR2) == 1 && sigismember(&now, SIGUSR1) == 0 ? 0 : 2;
}
int wait_by_read(int stop) {
  char byte;
  return ::read(stop, &byte, 1) == 0 ? 0 : 1;
}
int wait_by_futex(int stop) {
  std::atomic<int> word{0};
  std::thread waker([&] {
    char byte;
    static_cast<void>(::read(stop, &byte, 1));
    word = 1;
    ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  });
  long result = 0;
  while (word == 0 && result == 0) result = ::syscall(SYS_futex, &word, FUTEX_WAIT, 0, nullptr, nullptr, 0);
  waker.join();
  return result == 0 ? 0 : 1;
}

class InterruptedCall : public ::testing::TestWithParam<Waiting> {};

TEST_P(InterruptedCall, GoesOnAsIfNothingHadHappened) {
  Victim victim(GetParam().work);
  ::usleep(50'000);  // until it is in its call
  for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
  victim.expect_untouched();
  if (std::string(GetParam().name) == "sigwaitinfo") ::kill(victim.pid(), SIGUSR1);
  EXPECT_EQ(victim.end(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, InterruptedCall,
                         ::testing::Values(Waiting{"epoll", wait_by_epoll}, Waiting{"sigwaitinfo", wait_by_signal},
                                           Waiting{"nanosleep", wait_by_sleep}, Waiting{"ppoll", wait_by_ppoll},
                                           Waiting{"read", wait_by_read}, Waiting{"futex", wait_by_futex}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace ferry::kernel
