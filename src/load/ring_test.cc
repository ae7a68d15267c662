// SPDX-License-Identifier: Apache-2.0
#include "load/ring.h"

#include <gtest/gtest.h>

#include <deque>

namespace ferry::load {
namespace {

TEST(Ring, IsAQueueOfAnyLength) {
  Ring<int> ring(3);
  std::deque<int> model;
  for (int i = 0; i < 10'000; ++i) {
    ring.push_back(i);
    model.push_back(i);
    if (i % 3 != 0 && i % 7 != 0) {
      ring.pop_front();
      model.pop_front();
    }
    ASSERT_EQ(ring.size(), model.size());
    ASSERT_EQ(ring.empty(), model.empty());
    if (model.empty()) continue;
    ASSERT_EQ(ring.front(), model.front());
  }
  EXPECT_GT(ring.size(), 1000u) << "it has grown while it was wrapped around";
  ring.clear();
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace ferry::load
