// SPDX-License-Identifier: Apache-2.0
//
// flock(2): exclusive on one file, shared on another.
#include <sys/file.h>

#include "tracee.h"

namespace {
bool can_lock(const std::string& name, int how) {
  const int fd = static_cast<int>(must(::open(path(name).c_str(), O_RDWR)));
  const bool locked = ::flock(fd, how | LOCK_NB) == 0;
  ::close(fd);
  return locked;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const int exclusive = make_file("exclusive", ""), shared = make_file("shared", "");
  must(::flock(exclusive, LOCK_EX));
  must(::flock(shared, LOCK_SH));
  ready_and_wait();
  require(!can_lock("exclusive", LOCK_SH), "the exclusive lock holds");
  require(can_lock("shared", LOCK_SH) && !can_lock("shared", LOCK_EX), "the shared lock holds");
  must(::flock(exclusive, LOCK_UN));
  require(can_lock("exclusive", LOCK_EX), "it can be given back");
  return pass();
}
