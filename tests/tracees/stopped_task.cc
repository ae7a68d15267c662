// SPDX-License-Identifier: Apache-2.0
//
// A child that was stopped stays stopped, and goes on with SIGCONT.
#include "tracee.h"

namespace {
char state_of(pid_t pid) {
  const std::string stat = read_whole("/proc/" + std::to_string(pid) + "/stat");
  return stat[stat.rfind(')') + 2];
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const pid_t child = static_cast<pid_t>(must(::fork()));
  if (child == 0) {
    must(::raise(SIGSTOP));
    return 5;
  }
  int status = 0;
  require_equal(::waitpid(child, &status, WUNTRACED), child, "waitpid");
  require(WIFSTOPPED(status), "it stopped");

  ready_and_wait();
  sleep_ns(kSlack_ns);
  require_equal(state_of(child), 'T', "its state");
  require_equal(::waitpid(child, &status, WNOHANG), 0, "nothing to wait for");
  must(::kill(child, SIGCONT));
  expect_exit(child, 5);
  return pass();
}
