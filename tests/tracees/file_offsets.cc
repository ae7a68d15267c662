// SPDX-License-Identifier: Apache-2.0
//
// Offsets: shared between forked processes and duplicates, own for a second open; O_APPEND stays at the end.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int shared = make_file("shared", "0123456789abcdef");
  const int copy = static_cast<int>(must(::dup(shared)));
  const int own = static_cast<int>(must(::open(path("shared").c_str(), O_RDWR)));
  must(::lseek(shared, 4, SEEK_SET));
  const int appending = make_file("appended", "begin ", O_APPEND);
  const pid_t child = fork_prepared([&](auto prepared) {
    prepared();
    wait_for_go();
    require(read_some(shared, 4) == "4567", "what the child reads");
    require_equal(::write(appending, "child ", 6), 6, "write");
  });

  ready_and_wait();
  expect_exit(child);
  require(read_some(copy, 4) == "89ab", "what the parent then reads, by a duplicate");
  require(read_some(own, 4) == "0123", "what a second open reads");
  must(::lseek(appending, 0, SEEK_SET));
  require_equal(::write(appending, "parent", 6), 6, "write");
  require(read_whole(path("appended")) == "begin child parent", "what was appended");
  require((::fcntl(appending, F_GETFL) & O_APPEND) != 0, "O_APPEND");
  return pass();
}
