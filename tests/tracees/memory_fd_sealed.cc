// SPDX-License-Identifier: Apache-2.0
//
// A memfd that is sealed against all changes stays so.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  const int fd = static_cast<int>(must(::memfd_create("sealed", MFD_ALLOW_SEALING)));
  require_equal(::write(fd, "for good", 8), 8, "write");
  must(::fcntl(fd, F_ADD_SEALS, kSeals));
  ready_and_wait();
  require_equal(::fcntl(fd, F_GET_SEALS), kSeals, "the seals");
  require(read_at(fd, 0, 100) == "for good", "its content");
  require(::pwrite(fd, "x", 1, 0) == -1 && errno == EPERM, "writing is refused");
  require(::ftruncate(fd, 0) == -1 && errno == EPERM, "shrinking is refused");
  return pass();
}
