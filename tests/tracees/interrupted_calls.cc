// SPDX-License-Identifier: Apache-2.0
//
// Two processes whose threads are each in the middle of another system call, and one with its registers in use: all go on. Calls
// that the kernel starts again by itself say nothing of the interruption (EINTR); those that it may break off are made again.
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include <thread>
#include <vector>

#include "tracee.h"

namespace {

struct Event {
  int fd = static_cast<int>(must(::eventfd(0, 0)));
  void happens() {
    const uint64_t one = 1;
    require_equal(::write(fd, &one, sizeof one), sizeof one, "write");
  }
};

void read_once(int fd) {
  uint64_t value = 0;
  require_equal(::read(fd, &value, sizeof value), sizeof value, "read");
}

void select_once(int fd) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  require_equal(::select(fd + 1, &set, nullptr, nullptr, nullptr), 1, "select");
}

void poll_on(int fd) {
  pollfd entry{fd, POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&entry, 1, -1)) == -1 && errno == EINTR) {
  }
  require_equal(ready, 1, "poll");
}

void epoll_on(int fd) {
  const int set = static_cast<int>(must(::epoll_create1(EPOLL_CLOEXEC)));
  epoll_event event{EPOLLIN, {.u64 = 7}};
  must(::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
  event = {};
  int ready = 0;
  while ((ready = ::epoll_wait(set, &event, 1, -1)) == -1 && errno == EINTR) {
  }
  require_equal(ready, 1, "epoll_wait");
  require_equal(static_cast<int64_t>(event.data.u64), 7, "epoll's data");
}

void futex_once(const uint32_t& word) {
  // FUTEX_WAIT says 0 after a wake, and EAGAIN when it begins again after the word has changed.
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr);
  require(result == 0 || errno == EAGAIN, "futex");
}

// Values in registers that the kernel saves lazily, across sleeps that the program's code knows nothing of.
void keep_registers(const int& go) {
#if defined(__x86_64__)
  alignas(16) const char before[16] = {'a', 's', ' ', 'i', 't', ' ', 'w', 'a', 's', ',', ' ', 'a', 'l', 'l', '.', 1};
  alignas(16) char after[16] = {};
  const timespec pause{0, kMillisecond_ns};
  __asm__ volatile(
      "movdqa (%0), %%xmm11\n"
      "1: mov $35, %%eax\n"  // nanosleep
      "mov %3, %%rdi\n"
      "xor %%esi, %%esi\n"
      "syscall\n"
      "cmpl $0, (%1)\n"
      "je 1b\n"
      "movdqa %%xmm11, (%2)\n"
      :
      : "r"(before), "r"(&go), "r"(after), "r"(&pause)
      : "xmm11", "rax", "rcx", "rdi", "rsi", "r11", "memory", "cc");
  require(std::memcmp(before, after, sizeof after) == 0, "the register's content");
#else
  while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == 0) sleep_ns(kMillisecond_ns);
#endif
}

// Waits in every way at once, until `is_time` returns.
template <class Until>
void wait_in_every_way(Until is_time) {
  Event read_event, select_event, poll_event, epoll_event_;
  uint32_t word = 0;
  int go = 0;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { read_once(read_event.fd); });
  threads.emplace_back([&] { select_once(select_event.fd); });
  threads.emplace_back([&] { poll_on(poll_event.fd); });
  threads.emplace_back([&] { epoll_on(epoll_event_.fd); });
  threads.emplace_back([&] { futex_once(word); });
  threads.emplace_back([&] { keep_registers(go); });
  is_time();
  for (Event* event : {&read_event, &select_event, &poll_event, &epoll_event_}) event->happens();
  __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
  must(::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1));
  __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
  for (auto& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const pid_t child = fork_prepared([](auto prepared) {
    wait_in_every_way([&] {
      prepared();
      wait_for_go();
    });
  });
  wait_in_every_way([] { ready_and_wait(); });
  expect_exit(child);
  return pass();
}
