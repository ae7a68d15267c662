// SPDX-License-Identifier: Apache-2.0
#include "bench/numbers.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

TEST(Numbers, AreRoundedToAMicrosecond) {
  EXPECT_EQ(rounded(1.23449), 1.234);
  EXPECT_EQ(to_json(report::spread_of({1, 2.00049, 9}))["median"], 2.0);
}

}  // namespace
}  // namespace ferry::bench
