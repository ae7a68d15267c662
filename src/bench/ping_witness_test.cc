// SPDX-License-Identifier: Apache-2.0
#include "bench/ping_witness.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

constexpr const char* kOutput =
    "PING 10.77.0.9 (10.77.0.9) 56(84) bytes of data.\n"
    "[1795860060.123456] 64 bytes from 10.77.0.9: icmp_seq=1 ttl=64 time=0.051 ms\n"
    "[1795860060.125456] From 10.77.0.2 icmp_seq=2 Destination Host Unreachable\n"
    "[1795860060.125000] 64 bytes from 10.77.0.9: icmp_seq=3 ttl=64 time=0.051 ms\n"
    "[1795860060.225456] 64 bytes from 10.77.0.9: icmp_seq=4 ttl=64 time=98.1 ms\n"
    "\n--- 10.77.0.9 ping statistics ---\n"
    "4 packets transmitted, 3 received, 25% packet loss, time 6ms\n";

TEST(PingWitness, RepliesAndNothingElse) {
  EXPECT_EQ(parse_replies(kOutput),
            (std::vector<int64_t>{1795860060123456000, 1795860060125000000, 1795860060225456000}));
  EXPECT_TRUE(parse_replies("").empty());
}

TEST(PingWitness, TheSilenceAroundAnInstant) {
  const auto replies = parse_replies(kOutput);
  EXPECT_DOUBLE_EQ(silence_ms(replies, 1795860060150000000).value(), 100.456);
  EXPECT_DOUBLE_EQ(silence_ms(replies, 1795860060124000000).value(), 1.544);
  EXPECT_FALSE(silence_ms(replies, 1795860060000000000));
  EXPECT_FALSE(silence_ms(replies, 1795860061000000000));  // it never came back
}

}  // namespace
}  // namespace ferry::bench
