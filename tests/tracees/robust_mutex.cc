// SPDX-License-Identifier: Apache-2.0
//
// A robust mutex whose owner dies after the move: the kernel still knows the owner's list.
#include <sys/mman.h>

#include <thread>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(shared != MAP_FAILED, "mmap");
  auto* mutexes = static_cast<pthread_mutex_t*>(shared);  // of a child process, and of a thread
  pthread_mutexattr_t robust;
  pthread_mutexattr_init(&robust);
  pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
  for (int i : {0, 1}) pthread_mutex_init(&mutexes[i], &robust);
  const pid_t child = fork_prepared([&](auto prepared) {
    pthread_mutex_lock(&mutexes[0]);
    prepared();
    wait_for_go();
    ::_exit(0);
  });
  bool prepared = false;
  std::thread thread([&] {
    pthread_mutex_lock(&mutexes[1]);
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
    wait_for_go();
  });
  while (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE)) sleep_ns(kPoll_ns);

  ready_and_wait();
  for (int i : {0, 1}) {
    require_equal(pthread_mutex_lock(&mutexes[i]), EOWNERDEAD, "what the lock says");
    require_equal(pthread_mutex_consistent(&mutexes[i]), 0, "pthread_mutex_consistent");
    require_equal(pthread_mutex_unlock(&mutexes[i]), 0, "pthread_mutex_unlock");
  }
  thread.join();
  expect_exit(child);
  return pass();
}
