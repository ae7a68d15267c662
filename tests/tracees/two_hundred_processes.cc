// SPDX-License-Identifier: Apache-2.0
//
// A tree of 201 processes, three deep; every one has its own pid, parent and memory.
#include "tracee.h"

namespace {
constexpr int kBranches = 10, kLeaves = 19;

void check_self(pid_t pid, pid_t parent) {
  require_equal(::getpid(), pid, "getpid");
  require_equal(::getppid(), parent, "getppid");
}

template <class Prepared>
void run_branch(Prepared prepared) {
  const pid_t self = ::getpid(), parent = ::getppid();
  pid_t leaves[kLeaves];
  for (pid_t& leaf : leaves) {
    leaf = fork_prepared([&](auto leaf_prepared) {
      const pid_t leaf_pid = ::getpid();
      leaf_prepared();
      wait_for_go();
      check_self(leaf_pid, self);
    });
  }
  prepared();
  wait_for_go();
  check_self(self, parent);
  for (const pid_t leaf : leaves) expect_exit(leaf);
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  pid_t branches[kBranches];
  for (pid_t& branch : branches) branch = fork_prepared([](auto prepared) { run_branch(prepared); });
  ready_and_wait();
  for (const pid_t branch : branches) expect_exit(branch);
  return pass();
}
