// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <vector>

namespace ferry::base {
namespace {

TEST(Parallel, EachPieceIsDoneOnce) {
  for (const size_t threads : {0, 1, 3, 100}) {
    std::vector<std::atomic<int>> done(20);
    in_parallel(done.size(), threads, [&](size_t i) { ++done[i]; });
    for (const auto& one : done) EXPECT_EQ(one, 1);
  }
  in_parallel(0, 4, [](size_t) { FAIL(); });
}

TEST(Parallel, SeveralThreadsWorkAtOnce) {
  std::latch all(3);
  in_parallel(3, 3, [&](size_t) { all.arrive_and_wait(); });  // would stand still otherwise
}

TEST(Parallel, WhatOnePieceThrowsComesOut) {
  for (const size_t threads : {1, 4}) {
    EXPECT_THROW(in_parallel(100, threads, [](size_t i) { if (i == 7) throw std::runtime_error("seven"); }), std::runtime_error);
  }
}

}  // namespace
}  // namespace ferry::base
