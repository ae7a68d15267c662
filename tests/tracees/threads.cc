// SPDX-License-Identifier: Apache-2.0
//
// Threads with values of their own, one waiting on a condition variable.
#include <thread>
#include <vector>

#include "tracee.h"

namespace {
constexpr int kThreads = 8;
thread_local int own_value = -1;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int prepared = 0;
bool go = false;

void run(int number) {
  own_value = number;
  const pthread_t self = pthread_self();
  const pid_t tid = ::gettid();
  pthread_mutex_lock(&mutex);
  ++prepared;
  pthread_cond_broadcast(&changed);
  while (!go) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
  require_equal(own_value, number, "the thread's own value");
  require(pthread_equal(self, pthread_self()) != 0, "pthread_self");
  require_equal(::gettid(), tid, "gettid");
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(run, i);
  pthread_mutex_lock(&mutex);
  while (prepared < kThreads) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
  ready_and_wait();
  pthread_mutex_lock(&mutex);
  go = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  for (auto& thread : threads) thread.join();
  require_equal(own_value, -1, "the main thread's own value");
  return pass();
}
