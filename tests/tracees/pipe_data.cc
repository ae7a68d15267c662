// SPDX-License-Identifier: Apache-2.0
//
// A pipe with data in it, shared by two processes; a full pipe; one whose writer has gone.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  int shared[2], full[2], orphan[2];
  must(::pipe(shared));
  must(::pipe2(full, O_NONBLOCK));
  must(::pipe(orphan));
  must(::fcntl(full[0], F_SETPIPE_SZ, 16384));
  const std::string lots = pattern(16384, 1);
  require_equal(::write(full[1], lots.data(), lots.size()), 16384, "write");
  require_equal(::write(orphan[1], "last words", 10), 10, "write");
  ::close(orphan[1]);
  const pid_t child = fork_prepared([&](auto prepared) {
    require_equal(::write(shared[1], "before, ", 8), 8, "write");
    prepared();
    wait_for_go();
    require_equal(::write(shared[1], "after", 5), 5, "write");
  });
  ::close(shared[1]);

  ready_and_wait();
  expect_exit(child);
  require(read_some(shared[0]) == "before, after", "what was in the shared pipe");
  require(read_some(shared[0]).empty(), "the shared pipe's end");
  require_equal(::fcntl(full[0], F_GETPIPE_SZ), 16384, "the pipe's size");
  require(::write(full[1], "x", 1) == -1 && errno == EAGAIN, "the full pipe is still full");
  require(read_some(full[0]) == lots, "what was in the full pipe");
  require(read_some(orphan[0]) == "last words" && read_some(orphan[0]).empty(), "the pipe without a writer");
  return pass();
}
