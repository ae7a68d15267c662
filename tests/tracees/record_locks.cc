// SPDX-License-Identifier: Apache-2.0
//
// fcntl(2) locks on parts of a file: of the process, and of an open file description.
#include "tracee.h"

namespace {
struct flock range(short type, off_t start, off_t length) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const int fd = make_file("locked", std::string(1000, '.'));
  struct flock own = range(F_WRLCK, 100, 50), description = range(F_RDLCK, 500, 100);
  must(::fcntl(fd, F_SETLK, &own));
  must(::fcntl(fd, F_OFD_SETLK, &description));
  const pid_t root = ::getpid();
  const pid_t other = fork_prepared([&](auto prepared) {
    prepared();
    wait_for_go();
    const int seen = static_cast<int>(must(::open(path("locked").c_str(), O_RDWR)));
    struct flock found = range(F_WRLCK, 0, 300);
    must(::fcntl(seen, F_GETLK, &found));
    require(found.l_type == F_WRLCK && found.l_start == 100 && found.l_len == 50, "the process's lock");
    require_equal(found.l_pid, root, "its owner");
    found = range(F_WRLCK, 300, 500);
    must(::fcntl(seen, F_OFD_GETLK, &found));
    require(found.l_type == F_RDLCK && found.l_start == 500 && found.l_len == 100, "the description's lock");
  });
  ready_and_wait();
  expect_exit(other);
  return pass();
}
