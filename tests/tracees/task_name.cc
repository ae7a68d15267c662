// SPDX-License-Identifier: Apache-2.0
//
// The name of a process, and of a thread of it.
#include <sys/prctl.h>

#include <thread>

#include "tracee.h"

namespace {
std::string name() {
  char text[16];
  must(::prctl(PR_GET_NAME, text));
  return text;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::prctl(PR_SET_NAME, "main (one) name"));
  bool prepared = false;
  std::thread thread([&] {
    must(::prctl(PR_SET_NAME, "other"));
    __atomic_store_n(&prepared, true, __ATOMIC_RELEASE);
    wait_for_go();
    require(name() == "other", "the thread's name");
  });
  while (!__atomic_load_n(&prepared, __ATOMIC_ACQUIRE)) sleep_ns(kPoll_ns);
  ready_and_wait();
  require(name() == "main (one) name", "the process's name");
  require(read_whole("/proc/self/comm") == "main (one) name\n", "as others see it");
  thread.join();
  return pass();
}
