// SPDX-License-Identifier: Apache-2.0
#include "bench/ping_witness.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

constexpr const char* kOutput =
    "[1795860060.12346] 10.77.0.9 : [0], 64 bytes, 0.225 ms (0.225 avg, 0% loss)\n"
    "ICMP Host Unreachable from 10.77.0.2 for ICMP Echo sent to 10.77.0.9\n"
    "[1795860060.125] 10.77.0.9 : [2], 64 bytes, 0.025 ms (0.125 avg, 33% loss)\n"
    "[1795860060.13] 10.77.0.9 : [3], timed out (0.125 avg, 50% loss)\n"
    "[1795860060.22546] 10.77.0.9 : [4], 64 bytes, 98.1 ms (33 avg, 40% loss)\n"
    "\n10.77.0.9 : xmt/rcv/%loss = 5/3/40%, min/avg/max = 0.025/33.0/98.1\n";

TEST(PingWitness, RepliesAndNothingElse) {
  EXPECT_EQ(parse_replies(kOutput),
            (std::vector<int64_t>{1795860060123460000, 1795860060125000000, 1795860060225460000}));
  EXPECT_TRUE(parse_replies("").empty());
}

TEST(PingWitness, TheSilenceAroundAnInstant) {
  const auto replies = parse_replies(kOutput);
  EXPECT_DOUBLE_EQ(silence_ms(replies, 1795860060150000000).value(), 100.46);
  EXPECT_DOUBLE_EQ(silence_ms(replies, 1795860060124000000).value(), 1.54);
  EXPECT_FALSE(silence_ms(replies, 1795860060000000000));
  EXPECT_FALSE(silence_ms(replies, 1795860061000000000));  // it never came back
}

}  // namespace
}  // namespace ferry::bench
