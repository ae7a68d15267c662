// SPDX-License-Identifier: Apache-2.0
#include "kernel/ready_breakpoints.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace ferry::kernel {
namespace {

size_t perf_events() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    count += std::filesystem::read_symlink(entry.path(), gone) == "anon_inode:[perf_event]";
  }
  return count;
}

TEST(ReadyBreakpoints, AnEventIsThereAsLongAsTheObject) {
  {
    const ReadyBreakpoints ready;
    EXPECT_EQ(perf_events(), 1u);
  }
  EXPECT_EQ(perf_events(), 0u);
}

}  // namespace
}  // namespace ferry::kernel
