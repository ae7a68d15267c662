// SPDX-License-Identifier: Apache-2.0
//
// Resource limits, soft and hard.
#include <sys/resource.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const struct {
    __rlimit_resource which;
    rlimit value;
  } limits[] = {{RLIMIT_NOFILE, {100, 512}},         {RLIMIT_CORE, {0, 0}},
                {RLIMIT_STACK, {4 << 20, 64 << 20}}, {RLIMIT_FSIZE, {1 << 30, RLIM_INFINITY}},
                {RLIMIT_NPROC, {5000, 6000}},        {RLIMIT_MEMLOCK, {65536, 65536}}};
  for (const auto& limit : limits) must(::setrlimit(limit.which, &limit.value));
  ready_and_wait();
  for (const auto& limit : limits) {
    rlimit now{};
    must(::getrlimit(limit.which, &now));
    require_equal(static_cast<int64_t>(now.rlim_cur), static_cast<int64_t>(limit.value.rlim_cur),
                  "soft limit " + std::to_string(limit.which));
    require_equal(static_cast<int64_t>(now.rlim_max), static_cast<int64_t>(limit.value.rlim_max),
                  "hard limit " + std::to_string(limit.which));
  }
  int fd = 0;
  while (fd < 200 && (fd = ::dup(STDOUT_FILENO)) >= 0) {
  }
  require(fd == -1 && errno == EMFILE, "the limit of open files is in force");
  return pass();
}
