// SPDX-License-Identifier: Apache-2.0
#include "memory/codec_chooser.h"

#include <gtest/gtest.h>

#include <map>

namespace ferry::memory {
namespace {

constexpr double kMega = 1e6;

// Memory that lz4 halves at 500 MB/s and zstd quarters at 200 MB/s.
void feed(CodecChooser& chooser, double lz4_ratio = 2, double zstd_ratio = 4) {
  for (int i = 0; i < 20; ++i) {
    chooser.measured(Compression::kNone, 1'000'000, 1'000'000, 1 / 5000.0);
    chooser.measured(Compression::kLz4, 1'000'000, static_cast<uint64_t>(1e6 / lz4_ratio), 1 / 500.0);
    chooser.measured(Compression::kZstd, 1'000'000, static_cast<uint64_t>(1e6 / zstd_ratio), 1 / 200.0);
  }
}

struct Case {
  const char* description;
  double link;
  unsigned lanes;
  double lz4_ratio, zstd_ratio;
  Compression best;
};

TEST(CodecChooser, TakesWhatMovesMostMemory) {
  const Case cases[] = {
      {"a slow link: the smallest", 10 * kMega, 1, 2, 4, Compression::kZstd},
      {"a medium one: compressing is the bottleneck with zstd", 200 * kMega, 1, 2, 4, Compression::kLz4},
      {"with more cores zstd again", 100 * kMega, 4, 2, 4, Compression::kZstd},
      {"a fast one: no time for it", 2000 * kMega, 1, 2, 4, Compression::kNone},
      {"memory of random bytes", 10 * kMega, 1, 1, 1, Compression::kNone},
      {"nothing known of the link", 0, 1, 2, 4, Compression::kNone},
  };
  for (const Case& one : cases) {
    CodecChooser chooser(one.lanes);
    feed(chooser, one.lz4_ratio, one.zstd_ratio);
    chooser.link_rate(one.link);
    EXPECT_EQ(chooser.best(), one.best) << one.description;
  }
}

TEST(CodecChooser, TriesAllNowAndThenAndTheBestMostly) {
  CodecChooser chooser(1);
  feed(chooser);
  chooser.link_rate(10 * kMega);
  std::map<Compression, int> taken;
  for (int i = 0; i < 1000; ++i) ++taken[chooser.next()];
  EXPECT_GT(taken[Compression::kZstd], 950);
  EXPECT_GT(taken[Compression::kNone], 2);
  EXPECT_GT(taken[Compression::kLz4], 2);
}

TEST(CodecChooser, ForgetsMemoryOfAnotherKind) {
  CodecChooser chooser(1);
  chooser.link_rate(10 * kMega);
  feed(chooser);
  ASSERT_EQ(chooser.best(), Compression::kZstd);
  feed(chooser, 1, 1);
  EXPECT_EQ(chooser.best(), Compression::kNone);
}

}  // namespace
}  // namespace ferry::memory
