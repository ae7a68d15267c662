// SPDX-License-Identifier: Apache-2.0
#include "bench/pgbench_log.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ferry::bench {
namespace {

TEST(PgbenchLog, BecomesAResult) {
  const auto result = parse_pgbench_log(
      "1 1 2000 0 100 40000 500\n"
      "0 1 1000 0 100 10000 0\n"
      "0 2 300000 0 100 350000 0\n"
      "aborted 1\n",
      {});
  EXPECT_EQ(result.due, 4u);
  EXPECT_EQ(result.ok(), 3u);
  EXPECT_EQ(result.errors(), 1u);
  EXPECT_EQ(result.real(result.start_ns), 100'009'000'000);  // when the first was due
  EXPECT_EQ(result.samples[1].done_ns, 100'040'000'000);
  EXPECT_EQ(result.samples[1].latency_ns(), 2'000'000);
  EXPECT_EQ(result.samples[1].sent_ns, 100'038'500'000);
  EXPECT_DOUBLE_EQ(result.client_gap_ms(100'200'000'000).value(), 310);
}

TEST(PgbenchLog, OfAnotherShapeIsAnError) {
  EXPECT_THROW(parse_pgbench_log("connection refused\n", {}), base::Error);
  EXPECT_THROW(parse_pgbench_log("", {}), base::Error);
}

}  // namespace
}  // namespace ferry::bench
