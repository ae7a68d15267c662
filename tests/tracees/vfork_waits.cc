// SPDX-License-Identifier: Apache-2.0
//
// A child of vfork(2) that lives for long in its parent's memory, which stands still meanwhile; both see what it writes.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 512;
  const Region region(kPages);
  region.write_all();
  const std::string go = path("go");
  const timespec pause = to_timespec(kMillisecond_ns);
  auto* const rounds = map_shared<std::atomic<uint64_t>>(1);
  require(::write(STDOUT_FILENO, "READY\n", 6) == 6, "write");
  const pid_t child = ::vfork();
  if (child == 0) {
    for (; ::access(go.c_str(), F_OK) != 0; ++*rounds) {
      region.rewrite(*rounds * 7919 % kPages);
      ::nanosleep(&pause, nullptr);
    }
    ::_exit(0);
  }
  must(child);
  expect_exit(child);
  require(*rounds > 0, "the child has done nothing");
  region.check();
  return pass();
}
