// SPDX-License-Identifier: Apache-2.0
//
// The file that the program runs from was deleted after its start.
#include "tracee.h"

namespace {
std::string executable() {
  char target[4096];
  const long size = must(::readlink("/proc/self/exe", target, sizeof target));
  return {target, static_cast<size_t>(size)};
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string program = path("program");
  if (executable() != program) {
    const std::string content = read_whole("/proc/self/exe");
    ::close(make_file("program", content));
    must(::chmod(program.c_str(), 0700));
    must(::execl(program.c_str(), program.c_str(), directory.c_str(), nullptr));
  }
  must(::unlink(program.c_str()));
  const std::string size_before = std::to_string(read_whole("/proc/self/exe").size());
  ready_and_wait();
  require(executable().ends_with(" (deleted)"), "it is still deleted");
  require(std::to_string(read_whole("/proc/self/exe").size()) == size_before, "what it runs from is whole");
  require(::access(program.c_str(), F_OK) == -1, "its name is gone");
  return pass();
}
