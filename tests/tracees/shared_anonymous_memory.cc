// SPDX-License-Identifier: Apache-2.0
//
// Shared anonymous memory of three processes, and memory that is copied on write after a fork.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kSize = 1 << 20;
  auto* const shared = static_cast<volatile char*>(
      ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  static char own[kSize];
  std::memset(own, 'r', kSize);
  pid_t children[2];
  for (int i : {0, 1}) {
    children[i] = fork_prepared([&](auto prepared) {
      own[i] = static_cast<char>('0' + i);
      shared[i] = 'b';
      prepared();
      wait_for_go();
      require(own[i] == '0' + i && own[1 - i] == 'r' && own[kSize - 1] == 'r', "memory of its own");
      while (shared[100] != 'g') sleep_ns(kPoll_ns);
      shared[i] = 'a';
    });
  }
  ready_and_wait();
  require(shared[0] == 'b' && shared[1] == 'b', "what was written before");
  shared[100] = 'g';
  for (const pid_t child : children) expect_exit(child);
  require(shared[0] == 'a' && shared[1] == 'a', "what was written after");
  require(own[0] == 'r' && own[1] == 'r', "memory of its own");
  return pass();
}
