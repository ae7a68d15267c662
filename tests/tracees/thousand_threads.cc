// SPDX-License-Identifier: Apache-2.0
//
// A thousand threads, each on a small stack of its own with a value on it.
#include <atomic>
#include <vector>

#include "tracee.h"

namespace {
constexpr size_t kThreads = 1000;
constexpr size_t kStackSize = 64 * 1024;
pthread_barrier_t prepared, go;
std::atomic<int64_t> sum{0};

void* run(void* argument) {
  volatile int64_t on_stack = reinterpret_cast<intptr_t>(argument);
  pthread_barrier_wait(&prepared);
  pthread_barrier_wait(&go);
  sum += on_stack;
  return nullptr;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  pthread_barrier_init(&prepared, nullptr, kThreads + 1);
  pthread_barrier_init(&go, nullptr, kThreads + 1);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, kStackSize);
  std::vector<pthread_t> threads(kThreads);
  for (size_t i = 0; i < kThreads; ++i) {
    require_equal(pthread_create(&threads[i], &small, run, reinterpret_cast<void*>(i)), 0, "pthread_create");
  }
  pthread_barrier_wait(&prepared);
  ready_and_wait();
  pthread_barrier_wait(&go);
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  require_equal(sum, kThreads * (kThreads - 1) / 2, "the sum of what was on the stacks");
  return pass();
}
