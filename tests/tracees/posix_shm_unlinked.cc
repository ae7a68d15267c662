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
  SharedWithChild memory(mapped, content);

  ready_and_wait();
  memory.check();
  return pass();
}
