// SPDX-License-Identifier: Apache-2.0
//
// MAP_SHARED of a file whose descriptor is closed: only the mapping holds it.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string content = pattern(1 << 20, 9);
  const int fd = make_file("mapped", content);
  void* mapped = ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  require(mapped != MAP_FAILED, "mmap");
  ::close(fd);
  char* const bytes = static_cast<char*>(mapped);
  bytes[17] = 'x';

  ready_and_wait();
  std::string expected = content;
  expected[17] = 'x';
  require(std::memcmp(bytes, expected.data(), expected.size()) == 0, "the mapping's content");
  bytes[18] = expected[18] = 'y';
  require(read_whole(path("mapped")) == expected, "the file's content");
  return pass();
}
