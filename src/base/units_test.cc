// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ferry::base {
namespace {

TEST(Units, SizesTakeBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("4096"), 4096u);
  EXPECT_EQ(parse_bytes("64MiB"), 64u << 20);
  EXPECT_EQ(parse_bytes("1GB"), 1'000'000'000u);
  EXPECT_EQ(parse_bytes("1.5k"), 1536u);
}

TEST(Units, RatesAreBytesPerSecondAndNeedAUnit) {
  EXPECT_EQ(parse_rate("1gbit"), 125'000'000u);
  EXPECT_EQ(parse_rate("100MB/s"), 100'000'000u);
  for (const char* bad : {"100", "100MB", "fast", "", "-1gbit", "1 gbit"}) EXPECT_THROW(parse_rate(bad), Error) << bad;
}

TEST(Units, DurationsNeedAUnit) {
  EXPECT_EQ(parse_duration("50ms"), std::chrono::milliseconds(50));
  EXPECT_EQ(parse_duration("1.5s"), std::chrono::milliseconds(1500));
  for (const char* bad : {"50", "ms", "50 ms", "-1s", "1e40s"}) EXPECT_THROW(parse_duration(bad), Error) << bad;
}

TEST(Units, AreWrittenAsPeopleReadThem) {
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(3u << 19), "1.5 MiB");
  EXPECT_EQ(format_ms(3.21), "3.2 ms");
  EXPECT_EQ(format_ms(1200), "1.20 s");
}

TEST(Units, PercentagesNeedTheirSign) {
  EXPECT_EQ(parse_percent("80%"), 80);
  EXPECT_EQ(parse_percent("0%"), 0);
  for (const char* wrong : {"80", "101%", "-1%", "%", "8 0%"}) EXPECT_THROW(parse_percent(wrong), Error) << wrong;
}

}  // namespace
}  // namespace ferry::base
