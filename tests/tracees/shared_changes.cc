// SPDX-License-Identifier: Apache-2.0
//
// Memory that tasks share is written, punched and cut while it moves: anonymous and a memfd of an odd length. What must be in it is kept
// in private memory, which moves by other means.
#include "shared_pages.h"

namespace {

using namespace tracee;

Page* map_file(int fd, size_t bytes) {
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  require(mapped != MAP_FAILED, "mmap");
  return static_cast<Page*>(mapped);
}

}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kCount = 3000;  // more than one thread looks at in one go
  constexpr size_t kFilePages = 40, kOdd = 1234;
  Shared anonymous(map_shared<Page>(kCount), kCount);
  const int fd = static_cast<int>(must(::memfd_create("odd one", MFD_ALLOW_SEALING)));
  must(::ftruncate(fd, kFilePages * kPage));
  Page* const file_pages = map_file(fd, kFilePages * kPage);
  Shared file(file_pages, kFilePages - 1);  // the last page is cut
  for (size_t i = 0; i < kCount; i += 3) anonymous.rewrite(i);
  for (size_t i = 0; i + 1 < kFilePages; ++i) file.rewrite(i);
  off_t length = kFilePages * kPage;

  Meanwhile changes([&](Random& random) {
    for (int i = 0; i < 4; ++i) anonymous.rewrite(random() % kCount);
    anonymous.punch(random() % kCount);
    file.rewrite(random() % (kFilePages - 1));
    if (random() % 2 == 0) file.punch(random() % (kFilePages - 1));
    length = static_cast<off_t>((kFilePages - 1) * kPage + 1 + random() % (kPage - 1));
    must(::ftruncate(fd, length));
    must(::pwrite(fd, "last", 1, length - 1));
  });
  changes.wait_for_steps(20);
  ready_and_wait();
  changes.stop();
  anonymous.check();
  file.check();
  require_equal(::lseek(fd, 0, SEEK_END), length, "its length");
  require(read_at(fd, length - 1, 10) == "l", "its last byte");
  must(::ftruncate(fd, kFilePages * kPage + kOdd));
  must(::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  require(::ftruncate(fd, 1) == -1 && errno == EPERM, "it takes seals still");
  return pass();
}
