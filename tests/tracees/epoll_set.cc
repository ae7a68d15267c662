// SPDX-License-Identifier: Apache-2.0
//
// An epoll set: what is registered, with its data; events that are ready, edges already seen, one-shots spent.
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "tracee.h"

namespace {
int make_event(unsigned value) { return static_cast<int>(must(::eventfd(value, EFD_NONBLOCK))); }
void add(int set, int fd, uint32_t events, uint64_t data) {
  epoll_event event{events, {.u64 = data}};
  must(::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
}
// The data of all ready ones, added up.
uint64_t ready_sum(int set, int limit_ms) {
  epoll_event events[8];
  const int count = ::epoll_wait(set, events, 8, limit_ms);
  uint64_t sum = 0;
  for (int i = 0; i < count; ++i) sum += events[i].data.u64;
  return sum;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const int set = static_cast<int>(must(::epoll_create1(EPOLL_CLOEXEC)));
  const int ready = make_event(1), idle = make_event(0), spent = make_event(1);
  add(set, spent, EPOLLIN | EPOLLONESHOT, 100);
  require_equal(static_cast<int64_t>(ready_sum(set, 0)), 100, "the one-shot fires once");
  add(set, ready, EPOLLIN, uint64_t{1} << 40);
  add(set, idle, EPOLLIN, 10);

  ready_and_wait();
  require_equal(static_cast<int64_t>(ready_sum(set, 1000)), int64_t{1} << 40, "only the ready one is ready");
  uint64_t value = 1;
  require_equal(::write(idle, &value, sizeof value), sizeof value, "write");
  require_equal(static_cast<int64_t>(ready_sum(set, 1000)), (int64_t{1} << 40) + 10, "both");
  must(::epoll_ctl(set, EPOLL_CTL_DEL, ready, nullptr));
  require_equal(static_cast<int64_t>(ready_sum(set, 1000)), 10, "one was taken out");
  require_equal(::fcntl(set, F_GETFD), FD_CLOEXEC, "close-on-exec");
  return pass();
}
