// SPDX-License-Identifier: Apache-2.0
//
// POSIX shared memory whose name is gone and whose descriptor is closed: two processes have it mapped.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kSize = 256 * 1024;
  const std::string content = pattern(kSize, 22);
  const int fd = static_cast<int>(must(::shm_open("/tracee-unlinked", O_RDWR | O_CREAT | O_EXCL, 0600)));
  must(::ftruncate(fd, kSize));
  void* mapped = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  require(mapped != MAP_FAILED, "mmap");
  must(::shm_unlink("/tracee-unlinked"));
  ::close(fd);
  std::memcpy(mapped, content.data(), kSize);
  volatile char* const bytes = static_cast<char*>(mapped);
  const pid_t child = fork_prepared([&](auto prepared) {
    prepared();
    wait_for_go();
    while (bytes[0] != 'p') sleep_ns(kPoll_ns);
    bytes[1] = 'c';
  });

  ready_and_wait();
  require(std::memcmp(mapped, content.data(), kSize) == 0, "its content");
  bytes[0] = 'p';
  expect_exit(child);
  require(bytes[1] == 'c', "what the other process wrote");
  return pass();
}
