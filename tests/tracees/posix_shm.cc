// SPDX-License-Identifier: Apache-2.0
//
// POSIX shared memory, open and mapped by two processes.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kSize = 256 * 1024;
  const std::string content = pattern(kSize, 21);
  const int fd = static_cast<int>(must(::shm_open("/tracee-shm", O_RDWR | O_CREAT | O_EXCL, 0600)));
  must(::ftruncate(fd, kSize));
  void* mapped = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  require(mapped != MAP_FAILED, "mmap");
  SharedWithChild memory(mapped, content);

  ready_and_wait();
  memory.check();
  const int again = static_cast<int>(must(::shm_open("/tracee-shm", O_RDONLY, 0)));
  require(read_at(again, 0, 2) == "pc", "by its name it is the same");
  must(::shm_unlink("/tracee-shm"));
  return pass();
}
