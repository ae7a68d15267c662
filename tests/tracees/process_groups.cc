// SPDX-License-Identifier: Apache-2.0
//
// Process groups and sessions, also one that a child leads and a grandchild is in.
#include "tracee.h"

namespace {
void check(pid_t group, pid_t session) {
  require_equal(::getpgrp(), group, "the process group");
  require_equal(::getsid(0), session, "the session");
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const pid_t root_group = ::getpgrp(), root_session = ::getsid(0);
  const pid_t leader = fork_prepared([&](auto prepared) {
    must(::setpgid(0, 0));
    prepared();
    wait_for_go();
    check(::getpid(), root_session);
  });
  const pid_t follower = fork_prepared([&](auto prepared) {
    must(::setpgid(0, leader));
    prepared();
    wait_for_go();
    check(leader, root_session);
  });
  const pid_t session = fork_prepared([](auto prepared) {
    const pid_t self = static_cast<pid_t>(must(::setsid()));
    const pid_t inside = fork_prepared([self](auto inside_prepared) {
      must(::setpgid(0, 0));
      inside_prepared();
      wait_for_go();
      check(::getpid(), self);
    });
    prepared();
    wait_for_go();
    check(self, self);
    require_equal(::getpgid(inside), inside, "the grandchild's group, from outside");
    expect_exit(inside);
  });

  ready_and_wait();
  check(root_group, root_session);
  for (const pid_t child : {leader, follower, session}) expect_exit(child);
  return pass();
}
