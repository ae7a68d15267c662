// SPDX-License-Identifier: Apache-2.0
//
// MAP_SHARED of a file that is open: what was written reaches the file and another process's mapping.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kSize = 1 << 20;
  const int fd = make_file("mapped", std::string(kSize, '.'));
  void* mapped = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  require(mapped != MAP_FAILED, "mmap");
  volatile char* const bytes = static_cast<char*>(mapped);
  bytes[0] = 'a';
  bytes[kSize - 1] = 'z';
  const pid_t child = fork_prepared([&](auto prepared) {
    bytes[4096] = 'c';
    prepared();
    wait_for_go();
    while (bytes[8192] != 'p') sleep_ns(kPoll_ns);
    bytes[4097] = 'd';
  });

  ready_and_wait();
  bytes[8192] = 'p';
  expect_exit(child);
  const std::string content = read_at(fd, 0, kSize);
  require_equal(static_cast<int64_t>(content.size()), kSize, "the file's size");
  require(content[0] == 'a' && content[kSize - 1] == 'z' && content[4096] == 'c', "what was written before");
  require(content[4097] == 'd' && content[8192] == 'p', "what was written after");
  return pass();
}
