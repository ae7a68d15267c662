// SPDX-License-Identifier: Apache-2.0
#include "kernel/ready_breakpoints.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>

#include "kernel/procfs.h"

namespace ferry::kernel {
namespace {

auto perf_events() {
  return std::ranges::count(open_files(::getpid()), "anon_inode:[perf_event]", &OpenFile::target);
}

TEST(ReadyBreakpoints, AnEventIsThereAsLongAsTheObject) {
  {
    const ReadyBreakpoints ready;
    EXPECT_EQ(perf_events(), 1);
  }
  EXPECT_EQ(perf_events(), 0);
}

}  // namespace
}  // namespace ferry::kernel
