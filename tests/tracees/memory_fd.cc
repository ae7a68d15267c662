// SPDX-License-Identifier: Apache-2.0
//
// A memfd: name, content, offset, and a shared mapping of it.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string content = pattern(2 << 20, 3);
  const int fd = static_cast<int>(must(::memfd_create("tracee", MFD_ALLOW_SEALING)));
  require_equal(::write(fd, content.data(), content.size()), static_cast<int64_t>(content.size()), "write");
  must(::lseek(fd, 77, SEEK_SET));
  void* mapped = ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  require(mapped != MAP_FAILED, "mmap");

  ready_and_wait();
  require(read_at(fd, 0, content.size() + 1) == content, "its content");
  require_equal(::lseek(fd, 0, SEEK_CUR), 77, "its offset");
  static_cast<char*>(mapped)[5] = '!';
  require(read_at(fd, 5, 1) == "!", "the mapping is the file");
  char name[64] = {};
  must(::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name - 1));
  require(std::string(name) == "/memfd:tracee (deleted)", "its name");
  return pass();
}
