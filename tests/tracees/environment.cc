// SPDX-License-Identifier: Apache-2.0
//
// Arguments and environment, in the program and as others see them.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  if (std::getenv("TRACEE_VALUE") == nullptr) {
    must(::setenv("TRACEE_VALUE", "a value with spaces", 1));
    must(::execv("/proc/self/exe", argv));
  }
  const std::string arguments = read_whole("/proc/self/cmdline"), variables = read_whole("/proc/self/environ");
  const std::string auxiliary = read_whole("/proc/self/auxv");
  require(arguments == std::string(argv[0]) + '\0' + directory + '\0', "the arguments before the move");
  ready_and_wait();
  require(std::getenv("TRACEE_VALUE") == std::string("a value with spaces"), "getenv");
  require(directory == argv[1], "argv");
  require(read_whole("/proc/self/cmdline") == arguments, "the arguments as others see them");
  require(read_whole("/proc/self/environ") == variables, "the environment as others see it");
  require_equal(static_cast<int64_t>(read_whole("/proc/self/auxv").size()), static_cast<int64_t>(auxiliary.size()),
                "the auxiliary vector's size");
  return pass();
}
