// SPDX-License-Identifier: Apache-2.0
//
// The memory plane where the kernel has no PAGEMAP_SCAN (before 6.7) but soft-dirty bits: in qemu,
// for one (tools/run-in-qemu).
#include "memory/tracker.h"
#include "support/memory_test.h"

namespace ferry::testing {
namespace {

class SoftDirtyTest : public MemoryTest {
 protected:
  void SetUp() override {
    const auto support = memory::probe();
    if (support.backend != memory::Backend::kSoftDirty) {
      GTEST_SKIP() << "what is written is told by " << memory::to_string(support.backend)
                   << " here";
    }
    MemoryTest::SetUp();
  }
};

// Little, and slowly: such a kernel may be an emulated one.
TEST_F(SoftDirtyTest, WhatIsWrittenMeanwhileGoesAlong) {
  run_writer("24MiB", "4MiB", "1MB/s");
  Connection open = connect();
  std::string from = "east", to = "west";
  for (const char* mode : {"pre", "hybrid", "post", "stop"}) {
    const Json report = move("writer", from, to, {"--mode", mode});
    ASSERT_FALSE(report.is_null()) << mode;
    EXPECT_EQ(report.at("mode"), mode);
    const bool has_rounds = mode == std::string("pre") || mode == std::string("hybrid");
    EXPECT_EQ(report.value("tracking", ""), has_rounds ? "soft_dirty" : "") << mode;
    if (has_rounds) {
      EXPECT_GE(report.at("rounds").front().at("dirty_bytes"), 24 << 20) << mode;
      EXPECT_LT(report.at("rounds").size() == 1
                    ? 0
                    : report.at("rounds").back().at("dirty_bytes").get<int>(),
                20 << 20)
          << "only what was written since";
    }
    expect_whole(open);
    std::swap(from, to);
  }
}

}  // namespace
}  // namespace ferry::testing
